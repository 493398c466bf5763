# problem: OB-006
# subject: Deployment/bank/ledger-v1
# also: 
# settle: 20
inject() {
kubectl -n bank patch deployment/ledger-v1 --type=merge -p '{"spec":{"template":{"metadata":{"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"8080","prometheus.io/path":"/debug/metrics","prometheus.istio.io/merge-metrics":"false"}}}}}'
kubectl -n bank rollout status deployment/ledger-v1 --timeout=60s
}
heal() {
kubectl -n bank patch deployment/ledger-v1 --type=merge -p '{"spec":{"template":{"metadata":{"annotations":null}}}}'
kubectl -n bank rollout status deployment/ledger-v1 --timeout=60s
}
