# problem: CRT-009
# subject: DestinationRule/shop/cart
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec: {host: cart, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/basket"]}}}
E
}
heal() {
kubectl -n shop delete destinationrule/cart
}
