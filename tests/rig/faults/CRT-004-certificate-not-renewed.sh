# problem: CRT-004
# subject: Deployment/shop/lapsing
# also: 
# settle: 100
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: lapsing, namespace: shop, labels: {app: lapsing}}
spec:
  selector: {matchLabels: {app: lapsing}}
  template:
    metadata: {labels: {app: lapsing}, annotations: {proxy.istio.io/config: "proxyMetadata: {SECRET_TTL: 2m, SECRET_GRACE_PERIOD_RATIO: \"0.01\", SECRET_GRACE_PERIOD_RATIO_JITTER: \"0\"}"}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment lapsing
}
