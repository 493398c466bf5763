# problem: RT-022
# subject: Service/bank/vault | StatefulSet/bank/vault
# also: 
# settle: 14
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: vault, namespace: bank, labels: {app: vault}}
spec: {selector: {app: vault}, ports: [{name: http, port: 8080, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: vault, namespace: bank, labels: {app: vault}}
spec:
  serviceName: vault
  selector: {matchLabels: {app: vault}}
  template:
    metadata: {labels: {app: vault}}
    spec:
      serviceAccountName: ledger
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server], readinessProbe: {httpGet: {path: /nowhere-at-all, port: 8099}, periodSeconds: 2}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank statefulset vault
kubectl delete --ignore-not-found -n bank service vault
}
