# problem: OB-004
# subject: Telemetry/istio-d/silent
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: silent, namespace: istio-d}
spec: {accessLogging: [{disabled: true}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n istio-d telemetry silent
}
