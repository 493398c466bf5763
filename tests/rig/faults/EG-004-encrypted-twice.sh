# problem: EG-004
# subject: DestinationRule/bank/fees
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: fees, namespace: bank}
spec: {hosts: [fees.example.com], location: MESH_EXTERNAL, ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS, endpoints: [{address: 10.245.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: fees, namespace: bank}
spec: {host: fees.example.com, trafficPolicy: {tls: {mode: SIMPLE, sni: fees.example.com, insecureSkipVerify: true}}}
E
}
heal() {
kubectl -n bank delete serviceentry/fees destinationrule/fees
}
