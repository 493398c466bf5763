# problem: CP-004
# subject: HorizontalPodAutoscaler/istio-d/istiod | Deployment/istio-d/istiod
# also: 
# settle: 3
inject() {
kubectl apply -f - <<'E'
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: istiod, namespace: istio-d}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: istiod}
  minReplicas: 3
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
E
sleep 2
kubectl -n istio-d patch hpa istiod --subresource=status --type=merge -p '{"status":{"currentReplicas":3,"desiredReplicas":3,"conditions":[{"type":"ScalingLimited","status":"True","reason":"TooManyReplicas","message":"the desired replica count is more than the maximum replica count","lastTransitionTime":"2026-11-21T10:00:00Z"}]}}'
}
heal() {
kubectl -n istio-d delete --ignore-not-found hpa istiod
}
