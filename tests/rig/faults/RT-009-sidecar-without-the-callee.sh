# problem: RT-009
# subject: Sidecar/shop/default
# also: 
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*", "istio-d/*"]}]}
E
}
heal() {
kubectl -n shop delete sidecar/default
}
