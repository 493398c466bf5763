# problem: INJ-001
# subject: Namespace//shop
# also: 
# settle: 6
inject() {
kubectl label namespace shop istio-injection-
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: plain, namespace: shop, labels: {app: plain}}
spec:
  selector: {matchLabels: {app: plain}}
  template:
    metadata: {labels: {app: plain}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
kubectl -n shop rollout status deployment/plain --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment plain
kubectl label namespace shop istio-injection=enabled --overwrite
}
