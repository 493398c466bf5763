# problem: MC-003
# subject: Service/sm-gateways/istio-eastwestgateway
# also: MC-004
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: istio-eastwestgateway, namespace: sm-gateways, labels: {istio: eastwestgateway}}
spec: {type: LoadBalancer, selector: {app: istio-ingressgateway}, ports: [{name: tls, port: 15443, targetPort: 15443}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n sm-gateways service istio-eastwestgateway
}
