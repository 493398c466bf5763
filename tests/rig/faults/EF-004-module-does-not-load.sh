# problem: EF-004
# subject: WasmPlugin/shop/header
# also: 
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: header, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, url: "http://127.0.0.1:9/none.wasm", failStrategy: FAIL_OPEN}
E
}
heal() {
kubectl -n shop delete wasmplugin/header
}
