# problem: RT-004
# subject: VirtualService/shop/
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog-2, namespace: shop}
spec:
  hosts: [catalog]
  http: [{route: [{destination: {host: catalog}}]}]
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop virtualservice catalog-2
}
