# problem: RT-013
# subject: Deployment/shop/cart-v1
# also: 
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: cart-raw, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: tcp-cart, port: 9000, targetPort: 8080}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop service cart-raw
}
