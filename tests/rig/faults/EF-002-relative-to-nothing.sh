# problem: EF-002
# subject: EnvoyFilter/shop/after-nothing
# also: 
# settle: 12
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: after-nothing, namespace: shop}
spec:
  workloadSelector: {labels: {app: cart}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.does_not_exist}}}}}
    patch: {operation: INSERT_AFTER, value: {name: rig.lua, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: "function envoy_on_request(h) end"}}}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop envoyfilter after-nothing
}
