# problem: AZ-001
# subject: AuthorizationPolicy/sm-gateways/partners
# also: 
# settle: 14
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: partners, namespace: sm-gateways}
spec: {selector: {matchLabels: {istio: ingressgateway}}, action: ALLOW, rules: [{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: visitor, namespace: legacy, labels: {app: visitor}}
spec:
  selector: {matchLabels: {app: visitor}}
  template:
    metadata: {labels: {app: visitor}}
    spec:
      serviceAccountName: default
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [load, -H, "Host: shop.example.com", -qps, "3", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://istio-ingressgateway.sm-gateways/"]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n legacy deployment visitor
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n sm-gateways authorizationpolicy partners
}
