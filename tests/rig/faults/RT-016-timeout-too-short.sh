# problem: RT-016
# subject: VirtualService/shop/cart-fast
# also: 
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart-fast, namespace: shop}
spec: {hosts: [cart.shop.svc.cluster.local], http: [{timeout: 0.05s, route: [{destination: {host: cart.shop.svc.cluster.local, port: {number: 8080}}}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: waiter, namespace: shop, labels: {app: waiter}}
spec:
  selector: {matchLabels: {app: waiter}}
  template:
    metadata: {labels: {app: waiter}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://cart:8080/echo?delay=300ms"]}
E
kubectl -n shop rollout status deployment/waiter --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment waiter
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop virtualservice cart-fast
}
