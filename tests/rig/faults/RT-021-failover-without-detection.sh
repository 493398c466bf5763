# problem: RT-021
# subject: DestinationRule/shop/cart
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec: {host: cart, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, localityLbSetting: {enabled: true, failover: [{from: eu-1, to: eu-2}]}}}}
E
}
heal() {
kubectl -n shop delete destinationrule/cart
}
