# problem: MTL-003
# subject: DestinationRule/istio-d/mutual
# also: 
# settle: 14
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mutual, namespace: istio-d}
spec: {host: "*.local", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: asker, namespace: shop, labels: {app: asker}}
spec:
  selector: {matchLabels: {app: asker}}
  template:
    metadata: {labels: {app: asker}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://report.legacy:8080/echo"]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment asker; kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n istio-d destinationrule mutual
}
