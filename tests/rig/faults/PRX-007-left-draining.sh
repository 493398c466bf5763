# problem: PRX-007
# subject: Deployment/sm-gateways/istio-ingressgateway | Pod/sm-gateways/
# also: 
# settle: 8
inject() {
P=$(kubectl -n sm-gateways get pod -l app=istio-ingressgateway -o name | head -1)
kubectl -n sm-gateways exec $P -c istio-proxy -- pilot-agent request POST healthcheck/fail
}
heal() {
kubectl -n sm-gateways delete pod -l app=istio-ingressgateway
kubectl -n sm-gateways rollout status deployment/istio-ingressgateway --timeout=60s
}
