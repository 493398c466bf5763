# problem: MC-007
# subject: Deployment/sm-gateways/eastwest
# also: 
# settle: 20
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: eastwest, namespace: sm-gateways}
spec:
  selector: {matchLabels: {istio: eastwestgateway}}
  template:
    metadata: {labels: {istio: eastwestgateway, sidecar.istio.io/inject: "true"}, annotations: {inject.istio.io/templates: gateway}}
    spec:
      serviceAccountName: istio-egressgateway
      terminationGracePeriodSeconds: 2
      containers: [{name: istio-proxy, image: auto}]
E
}
heal() {
kubectl -n sm-gateways delete deployment/eastwest --wait; kubectl -n sm-gateways wait --for=delete pod -l istio=eastwestgateway --timeout=30s
}
