# problem: RT-007
# subject: VirtualService/shop/wares
# also: RT-004
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wares, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [sm-gateways/shop], http: [{match: [{uri: {prefix: /catalog}}], route: [{destination: {host: catalog.shop.svc.cluster.local, port: {number: 8080}}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop virtualservice wares
}
