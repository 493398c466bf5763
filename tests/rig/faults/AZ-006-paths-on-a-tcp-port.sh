# problem: AZ-006
# subject: AuthorizationPolicy/bank/ledger-paths
# also: 
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ledger-paths, namespace: bank}
spec: {selector: {matchLabels: {app: ledger}}, action: ALLOW, rules: [{to: [{operation: {ports: ["8080"]}}]}, {to: [{operation: {ports: ["8078"], paths: ["/echo"]}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank authorizationpolicy ledger-paths
}
