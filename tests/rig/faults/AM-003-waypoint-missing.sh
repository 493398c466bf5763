# problem: AM-003
# subject: Namespace/legacy | Deployment/legacy/report-v1
# also: AM-002 AM-001
# settle: 8
inject() {
kubectl label namespace legacy istio.io/use-waypoint=waypoint istio.io/dataplane-mode=ambient
}
heal() {
kubectl label namespace legacy istio.io/use-waypoint- istio.io/dataplane-mode-
}
