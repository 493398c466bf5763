# problem: PRX-005
# subject: Deployment/shop/pages
# also: 
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: pages, namespace: shop, labels: {app: pages}}
spec: {selector: {app: pages}, ports: [{name: http, port: 8080, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: pages, namespace: shop, labels: {app: pages}}
spec:
  replicas: 2
  selector: {matchLabels: {app: pages}}
  template:
    metadata: {labels: {app: pages}, annotations: {proxy.istio.io/config: "terminationDrainDuration: 30s"}}
    spec:
      serviceAccountName: catalog
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server], readinessProbe: {httpGet: {path: /debug, port: 8080}, periodSeconds: 2}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: browser, namespace: shop, labels: {app: browser}}
spec:
  selector: {matchLabels: {app: browser}}
  template:
    metadata: {labels: {app: browser}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "30", -c, "6", -t, "0", -allow-initial-errors, -log-errors=false, "http://pages:8080/echo?delay=150ms"]}
E
kubectl -n shop rollout status deployment/pages --timeout=60s
kubectl -n shop rollout status deployment/browser --timeout=60s
kubectl -n shop rollout restart deployment/pages
kubectl -n shop rollout status deployment/pages --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment browser pages
kubectl delete --ignore-not-found -n shop service pages
}
