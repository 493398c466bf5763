# problem: MTL-002
# subject: DestinationRule/bank/ledger-plain
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ledger-plain, namespace: bank}
spec: {host: ledger, trafficPolicy: {portLevelSettings: [{port: {number: 8080}, tls: {mode: DISABLE}}]}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank destinationrule ledger-plain
}
