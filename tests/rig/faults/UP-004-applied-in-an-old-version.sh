# problem: UP-004
# subject: VirtualService/shop/old
# also: 
# settle: 4
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: old, namespace: shop}
spec: {hosts: [old.example.com], http: [{directResponse: {status: 200}}]}
E
}
heal() {
kubectl -n shop delete virtualservice/old
}
