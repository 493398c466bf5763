# problem: PR-003
# subject: Service/bank/books | StatefulSet/bank/books | Deployment/shop/reader
# also: MTL-001
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: books, namespace: bank, labels: {app: books}}
spec: {clusterIP: None, selector: {app: books}, ports: [{name: http, port: 8080, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: books, namespace: bank, labels: {app: books}}
spec:
  serviceName: books
  selector: {matchLabels: {app: books}}
  template:
    metadata: {labels: {app: books}}
    spec:
      serviceAccountName: ledger
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server], readinessProbe: {httpGet: {path: /debug, port: 8080}, periodSeconds: 2}}
E
kubectl -n bank rollout status statefulset/books --timeout=60s
IP=$(kubectl -n bank get pod books-0 -o jsonpath='{.status.podIP}')
kubectl apply -f - <<E
apiVersion: apps/v1
kind: Deployment
metadata: {name: reader, namespace: shop, labels: {app: reader}}
spec:
  selector: {matchLabels: {app: reader}}
  template:
    metadata: {labels: {app: reader}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://$IP:8080/echo"]}
E
kubectl -n shop rollout status deployment/reader --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment reader
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank statefulset books
kubectl delete --ignore-not-found -n bank service books
}
