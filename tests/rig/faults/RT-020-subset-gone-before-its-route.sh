# problem: RT-020
# subject: VirtualService/shop/catalog | DestinationRule/shop/catalog
# also: RT-002
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog, namespace: shop}
spec: {host: catalog.shop.svc.cluster.local, subsets: [{name: v1, labels: {version: v1}}, {name: stable, labels: {version: v2}}]}
E
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/shop.yaml" >/dev/null
}
