# problem: RT-008
# subject: Service/shop/catalog
# also: 
# settle: 10
inject() {
kubectl -n shop patch service/catalog --type=json -p '[{"op":"replace","path":"/spec/ports/0/name","value":"web"}]'
}
heal() {
kubectl -n shop patch service/catalog --type=json -p '[{"op":"replace","path":"/spec/ports/0/name","value":"http"}]'
}
