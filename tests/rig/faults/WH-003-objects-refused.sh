# problem: WH-003
# subject: Deployment/istio-d/istiod
# also: 
# settle: 6
inject() {
for i in 1 2 3; do
kubectl apply -f - <<'E' || true
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wrong, namespace: shop}
spec: {hosts: [wrong.example.com], http: [{route: [{destination: {host: cart}, weight: -3}]}]}
E
sleep 5
done
}
heal() {
sleep 1
}
