# problem: EG-001
# subject: Sidecar/shop/closed | Deployment/shop/wanderer
# also: RT-009
# settle: 14
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: closed, namespace: shop}
spec: {workloadSelector: {labels: {app: wanderer}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: wanderer, namespace: shop, labels: {app: wanderer}}
spec:
  selector: {matchLabels: {app: wanderer}}
  template:
    metadata: {labels: {app: wanderer}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://10.96.200.200:8088/"]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment wanderer; kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop sidecar closed
}
