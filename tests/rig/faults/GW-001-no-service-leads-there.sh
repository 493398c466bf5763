# problem: GW-001
# subject: Gateway/sm-gateways/shop
# also: 
# settle: 6
inject() {
kubectl -n sm-gateways get service istio-ingressgateway -o json | jq 'del(.metadata.managedFields,.metadata.resourceVersion,.metadata.uid)' > /tmp/rig-door.json
kubectl -n sm-gateways delete service istio-ingressgateway
}
heal() {
kubectl create -f /tmp/rig-door.json
kubectl patch service istio-ingressgateway -n sm-gateways --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"10.245.0.1"}]}}}'
}
