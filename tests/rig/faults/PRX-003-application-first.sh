# problem: PRX-003
# subject: Deployment/shop/eager
# also: 
# settle: 20
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: eager, namespace: shop, labels: {app: eager}}
spec:
  selector: {matchLabels: {app: eager}}
  template:
    metadata: {labels: {app: eager}, annotations: {sidecar.istio.io/nativeSidecar: "false", proxy.istio.io/config: "holdApplicationUntilProxyStarts: false"}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "2", -c, "1", -t, "0", "http://catalog:8080/echo"]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment eager
}
