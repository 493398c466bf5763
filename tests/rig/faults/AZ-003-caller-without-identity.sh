# problem: AZ-003
# subject: AuthorizationPolicy/shop/catalog-callers
# also: AZ-001
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: catalog-callers, namespace: shop}
spec: {selector: {matchLabels: {app: catalog}}, action: ALLOW, rules: [{from: [{source: {namespaces: [shop, legacy]}}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: auditor, namespace: legacy, labels: {app: auditor}}
spec:
  selector: {matchLabels: {app: auditor}}
  template:
    metadata: {labels: {app: auditor}}
    spec:
      serviceAccountName: report
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://catalog.shop:8080/echo"]}
E
kubectl -n legacy rollout status deployment/auditor --timeout=60s
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n legacy deployment auditor
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop authorizationpolicy catalog-callers
}
