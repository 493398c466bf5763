# problem: EG-003
# subject: ServiceEntry/shop/
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ldap-a, namespace: shop}
spec: {hosts: [ldap-a.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 389, name: tcp-ldap, protocol: TCP}], endpoints: [{address: 10.96.200.203}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ldap-b, namespace: shop}
spec: {hosts: [ldap-b.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 389, name: tcp-ldap, protocol: TCP}], endpoints: [{address: 10.96.200.204}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop serviceentry ldap-a ldap-b
}
