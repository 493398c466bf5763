# problem: OP-001
# subject: PodDisruptionBudget/sm-gateways/istio-egressgateway
# also: GW-015
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: istio-egressgateway, namespace: sm-gateways}
spec: {minAvailable: 2, selector: {matchLabels: {app: istio-egressgateway}}}
E
}
heal() {
kubectl apply -f - <<'E'
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: istio-egressgateway, namespace: sm-gateways}
spec: {minAvailable: 1, selector: {matchLabels: {app: istio-egressgateway}}}
E
}
