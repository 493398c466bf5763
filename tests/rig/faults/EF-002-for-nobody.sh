# problem: EF-002
# subject: EnvoyFilter/shop/nobody
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: nobody, namespace: shop}
spec: {workloadSelector: {labels: {app: crat}}, configPatches: [{applyTo: LISTENER, match: {context: ANY}, patch: {operation: MERGE, value: {per_connection_buffer_limit_bytes: 32768}}}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop envoyfilter nobody
}
