# problem: RT-010
# subject: VirtualService/shop/catalog
# also: 
# settle: 14
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog.shop.svc.cluster.local]
  exportTo: [bank]
  http: [{route: [{destination: {host: catalog.shop.svc.cluster.local, subset: v1}, weight: 80}, {destination: {host: catalog.shop.svc.cluster.local, subset: v2}, weight: 20}]}]
E
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/shop.yaml" >/dev/null
}
