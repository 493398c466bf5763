# problem: INJ-004
# subject: Namespace//shop
# also: 
# settle: 5
inject() {
kubectl label namespace shop istio.io/rev=canary
}
heal() {
kubectl label namespace shop istio.io/rev-
}
