# problem: GA-004
# subject: HTTPRoute/shop/web
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {parentRefs: [{group: '', kind: Service, name: storefront}], rules: [{backendRefs: [{name: ledger, namespace: bank, port: 8080}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop httproutes.gateway.networking.k8s.io web
}
