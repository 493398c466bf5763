# problem: GW-017
# subject: Service/sm-gateways/istio-ingressgateway
# also: 
# settle: 4
inject() {
kubectl -n sm-gateways annotate service/istio-ingressgateway 'service.beta.kubernetes.io/aws-load-balancer-proxy-protocol=*'
}
heal() {
kubectl -n sm-gateways annotate service/istio-ingressgateway service.beta.kubernetes.io/aws-load-balancer-proxy-protocol-
}
