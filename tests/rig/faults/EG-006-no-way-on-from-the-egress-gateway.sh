# problem: EG-006
# subject: VirtualService/bank/fees
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: fees, namespace: bank}
spec: {hosts: [fees.example.com], location: MESH_EXTERNAL, ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, endpoints: [{address: 10.245.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: sm-gateways}
spec: {selector: {app: istio-egressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [fees.example.com]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: fees, namespace: bank}
spec: {hosts: [fees.example.com], gateways: [mesh, sm-gateways/out], http: [{match: [{gateways: [mesh]}], route: [{destination: {host: istio-egressgateway.sm-gateways.svc.cluster.local, port: {number: 80}}}]}]}
E
}
heal() {
kubectl -n bank delete serviceentry/fees virtualservice/fees; kubectl -n sm-gateways delete gateways.networking.istio.io/out
}
