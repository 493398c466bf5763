# problem: JWT-004
# subject: RequestAuthentication/shop/cart-tokens
# also: XDS-001
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: cart-tokens, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  jwtRules:
  - issuer: https://login.example.com
    jwks: '{"keys":[{"kty":"RSA","kid":"a","alg":"RS256","n":"AQAB","e":"AQAB"}]}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: cart-tokens, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {paths: [/admin]}}]}]}
E
}
heal() {
kubectl -n shop delete --ignore-not-found requestauthentication cart-tokens
kubectl -n shop delete --ignore-not-found authorizationpolicy cart-tokens
}
