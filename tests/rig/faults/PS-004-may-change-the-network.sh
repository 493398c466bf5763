# problem: PS-004
# subject: Deployment/shop/cart-v1
# also: 
# settle: 6
inject() {
kubectl -n shop patch deployment/cart-v1 --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"capabilities":{"add":["NET_ADMIN"]}}}]'
kubectl -n shop rollout status deployment/cart-v1 --timeout=60s
}
heal() {
kubectl -n shop patch deployment/cart-v1 --type=json -p '[{"op":"remove","path":"/spec/template/spec/containers/0/securityContext"}]'
kubectl -n shop rollout status deployment/cart-v1 --timeout=60s
}
