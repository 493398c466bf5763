# problem: GW-018
# subject: Deployment/sm-gateways/istio-ingressgateway
# also: 
# settle: 25
inject() {
kubectl -n sm-gateways patch deployment/istio-ingressgateway --type=json -p '[{"op":"remove","path":"/spec/template/spec/securityContext/sysctls"}]'
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/gateways.yaml" >/dev/null
kubectl -n sm-gateways rollout status deployment/istio-ingressgateway --timeout=90s
}
