# problem: RT-022
# subject: Service/shop/catalog
# also: RT-003
# settle: 8
inject() {
kubectl -n shop patch service/catalog --type=merge -p '{"spec":{"selector":{"app":"catalogue"}}}'
}
heal() {
kubectl -n shop patch service/catalog --type=merge -p '{"spec":{"selector":{"app":"catalog"}}}'
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/shop.yaml" >/dev/null
}
