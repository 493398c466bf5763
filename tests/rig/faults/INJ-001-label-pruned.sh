# problem: INJ-001
# subject: Namespace//bank
# also: 
# settle: 4
inject() {
kubectl label namespace bank istio-injection-
}
heal() {
kubectl label namespace bank istio-injection=enabled --overwrite
}
