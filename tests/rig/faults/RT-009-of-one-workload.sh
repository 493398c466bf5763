# problem: RT-009
# subject: Sidecar/shop/cart
# also: 
# settle: 14
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: cart, namespace: shop}
spec: {workloadSelector: {labels: {app: cart}}, egress: [{hosts: ["./catalog.shop.svc.cluster.local", "istio-d/*"]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop sidecar cart
}
