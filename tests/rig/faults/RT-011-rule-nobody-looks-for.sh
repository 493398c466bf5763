# problem: RT-011
# subject: DestinationRule/legacy/cart
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: legacy}
spec: {host: cart.shop.svc.cluster.local, trafficPolicy: {connectionPool: {http: {maxRetries: 2}}}}
E
}
heal() {
kubectl -n legacy delete destinationrule/cart
}
