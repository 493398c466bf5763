# problem: GA-006
# subject: Gateway/shop/edge
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, annotations: {networking.istio.io/service-type: ClusterIP}}
spec: {gatewayClassName: istio, listeners: [{name: https, port: 443, protocol: HTTPS, hostname: shop.example.com, tls: {certificateRefs: [{name: nowhere}]}}]}
E
}
heal() {
kubectl -n shop delete gateways.gateway.networking.k8s.io/edge
}
