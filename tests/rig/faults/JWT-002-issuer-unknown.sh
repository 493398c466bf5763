# problem: JWT-002
# subject: RequestAuthentication/shop/cart-tokens
# also: 
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: cart-tokens, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  jwtRules:
  - issuer: https://issuer.example.com
    jwks: '{"keys":[{"kty":"RSA","e":"AQAB","kid":"a","n":"xAE7eB6qugXyCAG3yhh7pkDkT65pHymX-P7KfIupjf59vsdo91bSP9C8H07pSAGQO1MV_xFj9VswgsCg4R6otmg5PV2He95lZdHtOcU5DXIg_pbhLdKXbi66GlVeK6ABZOUW3WYtnNHD-91gVuoeJT_DwtGGcp4ignkgXfkiEm4sw-4sfb4qdt5oLbyVpmW6x9cfa7vs2WTfURiCrBoUqgBo_-4WTiULmmHSGZHOjzwa8WtrtOQGsAFjIbno85jp6MnGGGZPYZbDAa_b3y5u-YpW7ypZrvD8BgtKVjgtQgZhLAGezMt0ua3DRrWnKqTZ0BJ_EyxOGuHJrLsn00fnMQ"}]}'
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: bearer, namespace: shop, labels: {app: bearer}}
spec:
  selector: {matchLabels: {app: bearer}}
  template:
    metadata: {labels: {app: bearer}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, -H, "Authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImIiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUuY29tIiwic3ViIjoieCIsImV4cCI6NDA3MDkwODgwMH0.AAAA", "http://cart:8080/echo"]}
E
kubectl -n shop rollout status deployment/bearer --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment bearer
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop requestauthentication cart-tokens
}
