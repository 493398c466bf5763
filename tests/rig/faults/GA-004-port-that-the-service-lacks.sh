# problem: GA-004
# subject: HTTPRoute/bank/ledger
# also: RT-001
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ledger, namespace: bank}
spec: {parentRefs: [{group: '', kind: Service, name: ledger}], rules: [{backendRefs: [{name: ledger, port: 8088}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank httproutes.gateway.networking.k8s.io ledger
}
