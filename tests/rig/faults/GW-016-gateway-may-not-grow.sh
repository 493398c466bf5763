# problem: GW-016
# subject: HorizontalPodAutoscaler/sm-gateways/ingress | Deployment/sm-gateways/istio-ingressgateway
# also: 
# settle: 3
inject() {
kubectl apply -f - <<'E'
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: ingress, namespace: sm-gateways}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: istio-ingressgateway}
  minReplicas: 2
  maxReplicas: 2
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
E
sleep 2
kubectl -n sm-gateways patch hpa ingress --subresource=status --type=merge -p '{"status":{"currentReplicas":2,"desiredReplicas":2,"conditions":[{"type":"ScalingLimited","status":"True","reason":"TooManyReplicas","message":"the desired replica count is more than the maximum replica count","lastTransitionTime":"2026-11-21T10:00:00Z"}]}}'
}
heal() {
kubectl -n sm-gateways delete --ignore-not-found hpa ingress
}
