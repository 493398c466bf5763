# problem: GW-015
# subject: Deployment/sm-gateways/istio-egressgateway
# also: OP-001
# settle: 8
inject() {
kubectl -n sm-gateways scale deployment/istio-egressgateway --replicas=1
}
heal() {
kubectl -n sm-gateways scale deployment/istio-egressgateway --replicas=2
kubectl -n sm-gateways rollout status deployment/istio-egressgateway --timeout=60s
}
