# problem: AZ-009
# subject: AuthorizationPolicy/sm-gateways/offices
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: offices, namespace: sm-gateways}
spec: {selector: {matchLabels: {istio: ingressgateway}}, action: ALLOW, rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n sm-gateways authorizationpolicy offices
}
