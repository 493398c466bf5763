# problem: GA-001
# subject: Gateway/shop/edge
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: istoi, listeners: [{name: http, port: 80, protocol: HTTP}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop gateways.gateway.networking.k8s.io edge
}
