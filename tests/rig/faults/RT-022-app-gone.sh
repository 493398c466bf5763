# problem: RT-022
# subject: Service/bank/ledger | Deployment/bank/ledger-v1
# also: 
# settle: 14
inject() {
kubectl -n bank scale deployment/ledger-v1 --replicas=0
}
heal() {
kubectl -n bank scale deployment/ledger-v1 --replicas=1
kubectl -n bank rollout status deployment/ledger-v1 --timeout=60s
}
