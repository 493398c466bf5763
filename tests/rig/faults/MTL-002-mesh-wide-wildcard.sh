# problem: MTL-002
# subject: DestinationRule/istio-d/plain-everywhere
# also: MTL-007
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain-everywhere, namespace: istio-d}
spec: {host: "*.bank.svc.cluster.local", trafficPolicy: {tls: {mode: DISABLE}}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n istio-d destinationrule plain-everywhere
}
