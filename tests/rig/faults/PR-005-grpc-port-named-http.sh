# problem: PR-005
# subject: Service/bank/payment
# also: 
# settle: 20
inject() {
kubectl -n bank patch service/payment --type=json -p '[{"op":"replace","path":"/spec/ports/1/name","value":"http-grpc"}]'
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: pinger, namespace: shop, labels: {app: pinger}}
spec:
  selector: {matchLabels: {app: pinger}}
  template:
    metadata: {labels: {app: pinger}}
    spec:
      serviceAccountName: cart
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -grpc, -ping, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "payment.bank:8079"]}
E
kubectl -n shop rollout status deployment/pinger --timeout=60s
}
heal() {
kubectl -n bank patch service/payment --type=json -p '[{"op":"replace","path":"/spec/ports/1/name","value":"grpc"}]'
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment pinger
}
