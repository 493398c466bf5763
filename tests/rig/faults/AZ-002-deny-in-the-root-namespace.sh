# problem: AZ-002
# subject: AuthorizationPolicy/istio-d/no-post
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-post, namespace: istio-d}
spec: {action: DENY, rules: [{to: [{operation: {methods: [GET], paths: [/echo]}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n istio-d authorizationpolicy no-post
}
