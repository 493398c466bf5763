# problem: AZ-008
# subject: AuthorizationPolicy/shop/cart-get
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: cart-get, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  action: ALLOW
  rules:
  - from: [{source: {namespaces: [shop]}}]
  - to: [{operation: {methods: [GET]}}]
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop authorizationpolicy cart-get
}
