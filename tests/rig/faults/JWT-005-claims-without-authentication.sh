# problem: JWT-005
# subject: VirtualService/shop/members
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: members, namespace: shop}
spec:
  hosts: [members.example.com]
  gateways: [sm-gateways/members]
  http:
  - match: [{headers: {"@request.auth.claims.group": {exact: members}}}]
    route: [{destination: {host: storefront.shop.svc.cluster.local, port: {number: 8080}}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: members, namespace: sm-gateways}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [members.example.com]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop virtualservice members
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n sm-gateways gateways.networking.istio.io members
}
