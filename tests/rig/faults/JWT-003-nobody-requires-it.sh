# problem: JWT-003
# subject: RequestAuthentication/shop/optional
# also: JWT-004
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: optional, namespace: shop}
spec: {selector: {matchLabels: {app: catalog}}, jwtRules: [{issuer: "https://issuer.example.com", jwks: '{"keys":[]}'}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop requestauthentication optional
}
