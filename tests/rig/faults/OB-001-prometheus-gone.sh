# problem: OB-001
# subject: Deployment/monitoring/prometheus | Service/monitoring/prometheus
# also: RT-022
# settle: 8
inject() {
kubectl -n monitoring scale deployment/prometheus --replicas=0
}
heal() {
kubectl -n monitoring scale deployment/prometheus --replicas=1
kubectl -n monitoring rollout status deployment/prometheus --timeout=60s
}
