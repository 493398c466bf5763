# problem: RT-012
# subject: DestinationRule/shop/catalog-limits
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: catalog-limits, namespace: shop}
spec: {host: catalog, subsets: [{name: v1, labels: {version: v2}}]}
E
}
heal() {
kubectl -n shop delete destinationrule/catalog-limits
}
