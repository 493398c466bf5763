# problem: GW-011
# subject: Gateway/sm-gateways/shop
# also: 
# settle: 6
inject() {
kubectl -n sm-gateways patch gateways.networking.istio.io/shop --type=json -p '[{"op":"add","path":"/spec/servers/0/tls","value":{"httpsRedirect":true}}]'
kubectl -n sm-gateways patch service/istio-ingressgateway --type=json -p '[{"op":"replace","path":"/spec/ports/2/targetPort","value":80}]'
}
heal() {
kubectl -n sm-gateways patch gateways.networking.istio.io/shop --type=json -p '[{"op":"remove","path":"/spec/servers/0/tls"}]'
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/gateways.yaml" >/dev/null
}
