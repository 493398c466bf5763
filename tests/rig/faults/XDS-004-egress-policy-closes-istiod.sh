# problem: XDS-004
# subject: NetworkPolicy/shop/closed
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}, {to: [{podSelector: {}}]}, {ports: [{port: 8080}]}]}
E
}
heal() {
kubectl -n shop delete networkpolicy/closed
}
