# problem: RT-018
# subject: Service/shop/hasty | Deployment/shop/hasty | DestinationRule/shop/hasty
# also: RT-017
# settle: 40
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: hasty, namespace: shop, labels: {app: hasty}}
spec: {selector: {app: hasty}, ports: [{name: http, port: 8080, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hasty, namespace: shop, labels: {app: hasty}}
spec:
  selector: {matchLabels: {app: hasty}}
  template:
    metadata: {labels: {app: hasty}}
    spec:
      serviceAccountName: catalog
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server, -server-idle-timeout, 500ms], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 2}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: steady, namespace: shop, labels: {app: steady}}
spec:
  selector: {matchLabels: {app: steady}}
  template:
    metadata: {labels: {app: steady}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "19.96", -c, "10", -uniform, -t, "0", -allow-initial-errors, -log-errors=false, "http://hasty:8080/echo"]}
E
kubectl -n shop rollout status deployment/hasty --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment steady hasty
kubectl delete --ignore-not-found -n shop service hasty
}
