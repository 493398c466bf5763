# problem: RT-014
# subject: DestinationRule/bank/ledger
# also: 
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ledger, namespace: bank}
spec: {host: ledger, trafficPolicy: {portLevelSettings: [{port: {number: 8080}, connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: crowd, namespace: bank, labels: {app: crowd}}
spec:
  selector: {matchLabels: {app: crowd}}
  template:
    metadata: {labels: {app: crowd}}
    spec:
      serviceAccountName: payment
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "60", -c, "10", -t, "0", -allow-initial-errors, -log-errors=false, "http://ledger:8080/echo?delay=60ms"]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank deployment crowd; kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank destinationrule ledger
}
