# problem: AM-001
# subject: Deployment/legacy/report-v1 | Node/ | DaemonSet/
# also: AM-002
# settle: 4
inject() {
kubectl label namespace legacy istio.io/dataplane-mode=ambient
kubectl -n legacy annotate pod -l app=report ambient.istio.io/redirection=enabled
}
heal() {
kubectl label namespace legacy istio.io/dataplane-mode-
kubectl -n legacy annotate pod -l app=report ambient.istio.io/redirection-
}
