# problem: RT-002
# subject: VirtualService/shop/catalog
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog.shop.svc.cluster.local]
  http: [{route: [{destination: {host: catalog.shop.svc.cluster.local, subset: v3}}]}]
E
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/shop.yaml" >/dev/null
}
