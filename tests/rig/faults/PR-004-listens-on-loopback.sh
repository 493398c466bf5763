# problem: PR-004
# subject: Deployment/shop/cart-v1
# also: 
# settle: 10
inject() {
kubectl -n shop patch deployment/cart-v1 --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":["server","-http-port","127.0.0.1:8080","-M","8090 http://payment.bank:8080"]},{"op":"remove","path":"/spec/template/spec/containers/0/readinessProbe"}]'
kubectl -n shop rollout status deployment/cart-v1 --timeout=60s
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/shop.yaml" >/dev/null
kubectl -n shop rollout status deployment/cart-v1 --timeout=60s
}
