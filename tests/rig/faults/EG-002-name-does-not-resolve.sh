# problem: EG-002
# subject: ServiceEntry/bank/fees
# also: 
# settle: 30
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: fees, namespace: bank}
spec: {hosts: [fees.invalid], location: MESH_EXTERNAL, ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, endpoints: [{address: fees-backend.invalid}]}
E
}
heal() {
kubectl -n bank delete serviceentry/fees
}
