# problem: GW-010
# subject: Gateway/sm-gateways/shop | VirtualService/shop/shop
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: sm-gateways}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [shop.example.com]}
E
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/shop.yaml" >/dev/null
}
