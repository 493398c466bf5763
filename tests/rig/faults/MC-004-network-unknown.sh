# problem: MC-004
# subject: Namespace//istio-d
# also: 
# settle: 6
inject() {
kubectl -n sm-gateways label service istio-ingressgateway topology.istio.io/network=west
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ledger-east, namespace: bank}
spec: {address: 10.96.200.210, network: east, labels: {app: ledger-vm}}
E
}
heal() {
kubectl -n sm-gateways label service istio-ingressgateway topology.istio.io/network-
kubectl -n bank delete --ignore-not-found workloadentry ledger-east
}
