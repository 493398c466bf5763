# problem: RT-015
# subject: DestinationRule/shop/flaky
# also: 
# settle: 20
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: flaky, namespace: shop, labels: {app: flaky}}
spec:
  selector: {matchLabels: {app: flaky}}
  template:
    metadata: {labels: {app: flaky}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
kubectl -n shop rollout status deployment/flaky --timeout=60s
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: flaky, namespace: shop}
spec: {selector: {app: flaky}, ports: [{name: http, port: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: flaky, namespace: shop}
spec: {host: flaky.shop.svc.cluster.local, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 180s, maxEjectionPercent: 100}}}
E
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: caller, namespace: shop, labels: {app: caller}}
spec:
  selector: {matchLabels: {app: caller}}
  template:
    metadata: {labels: {app: caller}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://flaky:8080/echo?status=503"]}
E
kubectl -n shop rollout status deployment/caller --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment flaky caller
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop destinationrule flaky
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop service flaky
}
