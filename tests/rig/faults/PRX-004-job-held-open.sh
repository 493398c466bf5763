# problem: PRX-004
# subject: Job/shop/nightly | Pod/shop/nightly
# also: 
# settle: 140
inject() {
kubectl apply -f - <<'E'
apiVersion: batch/v1
kind: Job
metadata: {name: nightly, namespace: shop}
spec:
  template:
    metadata: {labels: {app: nightly}, annotations: {sidecar.istio.io/nativeSidecar: "false"}}
    spec:
      serviceAccountName: storefront
      restartPolicy: Never
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [version]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop job nightly
}
