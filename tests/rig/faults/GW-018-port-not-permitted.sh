# problem: GW-018
# subject: Deployment/sm-gateways/istio-ingressgateway
# also: 
# settle: 25
inject() {
kubectl -n sm-gateways patch deployment/istio-ingressgateway --type=json -p '[{"op":"replace","path":"/spec/template/spec/securityContext/sysctls/0/value","value":"1024"}]'
}
heal() {
kubectl -n sm-gateways patch deployment/istio-ingressgateway --type=json -p '[{"op":"replace","path":"/spec/template/spec/securityContext/sysctls/0/value","value":"0"}]'
kubectl -n sm-gateways rollout status deployment/istio-ingressgateway --timeout=90s
}
