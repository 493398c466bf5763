# problem: RT-006
# subject: VirtualService/bank/ledger
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: bank}
spec: {hosts: [ledger], http: [{route: [{destination: {host: ledger}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank virtualservice ledger
}
