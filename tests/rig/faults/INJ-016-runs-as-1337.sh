# problem: INJ-016
# subject: Deployment/shop/intruder | Pod/shop/intruder
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: intruder, namespace: shop, labels: {app: intruder}}
spec:
  selector: {matchLabels: {app: intruder}}
  template:
    metadata: {labels: {app: intruder}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      securityContext: {runAsUser: 1337}
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
kubectl -n shop rollout status deployment/intruder --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment intruder
}
