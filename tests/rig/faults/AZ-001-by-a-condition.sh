# problem: AZ-001
# subject: AuthorizationPolicy/bank/ledger-hours
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ledger-hours, namespace: bank}
spec: {selector: {matchLabels: {app: ledger}}, action: ALLOW, rules: [{from: [{source: {namespaces: [bank]}}], when: [{key: "request.headers[x-tenant]", values: [gold]}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank authorizationpolicy ledger-hours
}
