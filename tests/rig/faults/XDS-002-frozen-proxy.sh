# problem: XDS-002
# subject: Deployment/shop/catalog-v2 | Pod/shop/catalog-v2
# also: PRX-002 XDS-003
# settle: 36
inject() {
PIDS=$(for p in $(pgrep -x envoy); do tr '\0' '\n' </proc/$p/environ | grep -q '^POD_NAME=catalog-v2' && echo $p; done; true)
kill -STOP $PIDS
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: nudge, namespace: shop}
spec: {hosts: [nudge.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 8080, name: http, protocol: HTTP}], endpoints: [{address: 10.96.200.203}]}
E
}
heal() {
PIDS=$(for p in $(pgrep -x envoy); do tr '\0' '\n' </proc/$p/environ | grep -q '^POD_NAME=catalog-v2' && echo $p; done; true)
kill -CONT $PIDS
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop serviceentry nudge
}
