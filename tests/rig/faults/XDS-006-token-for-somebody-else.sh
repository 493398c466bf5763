# problem: XDS-006
# subject: Deployment/shop/stranger
# also: XDS-003
# settle: 45
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: stranger, namespace: shop, labels: {app: stranger}}
spec:
  selector: {matchLabels: {app: stranger}}
  template:
    metadata: {labels: {app: stranger}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
      volumes:
      - name: istio-token
        projected: {sources: [{serviceAccountToken: {audience: vault, expirationSeconds: 43200, path: istio-token}}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment stranger
}
