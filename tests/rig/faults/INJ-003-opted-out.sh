# problem: INJ-003
# subject: Deployment/shop/loner
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: loner, namespace: shop, labels: {app: loner}}
spec:
  selector: {matchLabels: {app: loner}}
  template:
    metadata: {labels: {app: loner, sidecar.istio.io/inject: "false"}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
kubectl -n shop rollout status deployment/loner --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment loner
}
