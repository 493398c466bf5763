# problem: AM-002
# subject: Deployment/legacy/report-v1
# also: 
# settle: 4
inject() {
kubectl label namespace legacy istio.io/dataplane-mode=ambient
}
heal() {
kubectl label namespace legacy istio.io/dataplane-mode-
}
