# problem: GW-003
# subject: Gateway/sm-gateways/
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop-2, namespace: sm-gateways}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: shop-tls}, hosts: [shop.example.com]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n sm-gateways gateways.networking.istio.io shop-2
}
