# problem: AZ-004
# subject: AuthorizationPolicy/bank/ledger-callers
# also: AZ-001
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ledger-callers, namespace: bank}
spec: {selector: {matchLabels: {app: ledger}}, action: ALLOW, rules: [{from: [{source: {namespaces: [bnak]}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank authorizationpolicy ledger-callers
}
