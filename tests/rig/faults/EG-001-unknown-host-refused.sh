# problem: EG-001
# subject: Deployment/shop/cart-v1
# also: 
# settle: 4
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: cart, namespace: shop}
spec: {workloadSelector: {labels: {app: cart}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ["*/*"]}]}
E
sleep 4
for i in 1 2 3; do kubectl -n shop exec deploy/cart-v1 -c app -- fortio curl -H "Host: rates.example.org" http://10.245.0.9/ >/dev/null 2>&1 || true; done
}
heal() {
kubectl -n shop delete sidecar/cart
}
