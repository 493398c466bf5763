# problem: GA-004
# subject: HTTPRoute/shop/web
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, annotations: {networking.istio.io/service-type: ClusterIP}}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: ledger, namespace: bank, port: 8080}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop httproutes.gateway.networking.k8s.io web
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop gateways.gateway.networking.k8s.io edge
sleep 3
}
