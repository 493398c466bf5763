# problem: CRT-010
# subject: Deployment/sm-gateways/istio-ingressgateway | ServiceAccount/sm-gateways/istio-ingressgateway | Role | Gateway/sm-gateways/shop
# also: 
# settle: 12
inject() {
kubectl -n sm-gateways delete rolebinding istio-ingressgateway
sleep 65
kubectl -n sm-gateways delete pod -l app=istio-ingressgateway
kubectl -n sm-gateways rollout status deployment/istio-ingressgateway --timeout=60s
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/gateways.yaml" >/dev/null
kubectl -n sm-gateways delete pod -l app=istio-ingressgateway
kubectl -n sm-gateways rollout status deployment/istio-ingressgateway --timeout=60s
}
