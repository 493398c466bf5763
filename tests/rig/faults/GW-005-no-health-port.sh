# problem: GW-005
# subject: Service/sm-gateways/istio-ingressgateway
# also: 
# settle: 5
inject() {
kubectl -n sm-gateways get service istio-ingressgateway -o json | jq '.spec.ports |= map(select(.port != 15021))' | kubectl replace -f -
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/gateways.yaml" >/dev/null
}
