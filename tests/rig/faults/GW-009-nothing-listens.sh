# problem: GW-009
# subject: Gateway/sm-gateways/queue
# also: GW-012
# settle: 8
inject() {
kubectl -n sm-gateways patch service/istio-ingressgateway --type=json -p '[{"op":"add","path":"/spec/ports/-","value":{"name":"tcp-queue","port":5672,"targetPort":5672}}]'
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: queue, namespace: sm-gateways}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 5672, name: tcp-queue, protocol: TCP}, hosts: ["*"]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n sm-gateways gateways.networking.istio.io queue
kubectl -n sm-gateways get service/istio-ingressgateway -o json | jq '.spec.ports|=map(select(.name!="tcp-queue"))' | kubectl replace -f -
}
