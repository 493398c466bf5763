# problem: GW-013
# subject: Gateway/sm-gateways/
# also: 
# settle: 8
inject() {
openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/rig-w.key -out /tmp/rig-w.crt -days 90 -subj /CN=example.com -addext subjectAltName=DNS:*.example.com 2>/dev/null
kubectl -n sm-gateways create secret tls wildcard --cert=/tmp/rig-w.crt --key=/tmp/rig-w.key
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: sm-gateways}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https-orders, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: wildcard}, hosts: [orders.example.com]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: billing, namespace: sm-gateways}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https-billing, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: wildcard}, hosts: [billing.example.com]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec: {hosts: [orders.example.com], gateways: [sm-gateways/orders], http: [{route: [{destination: {host: cart, port: {number: 8080}}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: billing, namespace: shop}
spec: {hosts: [billing.example.com], gateways: [sm-gateways/billing], http: [{route: [{destination: {host: storefront, port: {number: 8080}}}]}]}
E
}
heal() {
kubectl -n shop delete --ignore-not-found virtualservice orders billing
kubectl -n sm-gateways delete --ignore-not-found gateways.networking.istio.io orders billing
kubectl -n sm-gateways delete --ignore-not-found secret wildcard
}
