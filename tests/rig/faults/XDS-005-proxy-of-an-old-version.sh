# problem: XDS-005
# subject: Deployment/shop/ancient
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: ancient, namespace: shop, labels: {app: ancient}}
spec:
  selector: {matchLabels: {app: ancient}}
  template:
    metadata: {labels: {app: ancient}, annotations: {proxy.istio.io/config: "proxyMetadata: {ISTIO_META_ISTIO_VERSION: 1.26.4}"}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
kubectl -n shop rollout status deployment/ancient --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment ancient
}
