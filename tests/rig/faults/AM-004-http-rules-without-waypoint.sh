# problem: AM-004
# subject: AuthorizationPolicy/legacy/read-only
# also: 
# settle: 6
inject() {
kubectl label namespace legacy istio.io/dataplane-mode=ambient
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: read-only, namespace: legacy}
spec: {selector: {matchLabels: {app: report}}, action: ALLOW, rules: [{to: [{operation: {methods: [GET]}}]}]}
E
}
heal() {
kubectl label namespace legacy istio.io/dataplane-mode-
kubectl -n legacy delete --ignore-not-found authorizationpolicy read-only
}
