# problem: EF-003
# subject: EnvoyFilter/shop/wrong-operation
# also: EF-002
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: wrong-operation, namespace: shop}
spec:
  workloadSelector: {labels: {app: cart}}
  configPatches:
  - applyTo: CLUSTER
    match: {context: SIDECAR_OUTBOUND, cluster: {service: catalog.shop.svc.cluster.local}}
    patch: {operation: REPLACE, value: {connect_timeout: 3s}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop envoyfilter wrong-operation
}
