# problem: EG-005
# subject: ServiceEntry/bank/fees
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: fees, namespace: bank}
spec: {hosts: [fees.example.com], location: MESH_EXTERNAL, ports: [{number: 443, name: http, protocol: HTTP}], resolution: DNS, endpoints: [{address: 10.245.0.1}]}
E
}
heal() {
kubectl -n bank delete serviceentry/fees
}
