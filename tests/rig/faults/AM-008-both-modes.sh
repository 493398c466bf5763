# problem: AM-008
# subject: Namespace/shop | Deployment/shop/
# also: AM-001
# settle: 8
inject() {
kubectl label namespace shop istio.io/dataplane-mode=ambient
}
heal() {
kubectl label namespace shop istio.io/dataplane-mode-
}
