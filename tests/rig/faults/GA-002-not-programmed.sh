# problem: GA-002
# subject: Gateway/shop/edge
# also: GW-004
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, annotations: {networking.istio.io/service-type: LoadBalancer}}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop gateways.gateway.networking.k8s.io edge
sleep 3
}
