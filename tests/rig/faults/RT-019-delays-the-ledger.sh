# problem: RT-019
# subject: VirtualService/bank/ledger
# also: 
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: bank}
spec: {hosts: [ledger.bank.svc.cluster.local], http: [{fault: {delay: {fixedDelay: 3s, percentage: {value: 100}}}, route: [{destination: {host: ledger.bank.svc.cluster.local, port: {number: 8080}}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank virtualservice ledger
}
