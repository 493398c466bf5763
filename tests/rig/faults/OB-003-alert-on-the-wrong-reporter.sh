# problem: OB-003
# subject: Deployment/monitoring/prometheus | Service/monitoring/prometheus | ConfigMap/monitoring/prometheus
# also: 
# settle: 12
inject() {
kubectl -n monitoring get configmap prometheus -o json | jq 'del(.metadata.managedFields,.metadata.resourceVersion,.metadata.uid)' > /tmp/rig-prometheus.json
jq '.data["prometheus.yml"]="rule_files: [/etc/prometheus/rules.yml]\n"+.data["prometheus.yml"] | .data["rules.yml"]="groups:\n- name: ingress\n  rules:\n  - alert: IngressErrors\n    expr: sum(rate(istio_requests_total{reporter=\"destination\",destination_workload=\"istio-ingressgateway\",response_code=~\"5..\"}[5m])) > 1\n    for: 5m\n    labels: {severity: page}\n"' /tmp/rig-prometheus.json | kubectl apply -f -
kubectl -n monitoring rollout restart deployment/prometheus
kubectl -n monitoring rollout status deployment/prometheus --timeout=60s
}
heal() {
kubectl replace -f /tmp/rig-prometheus.json
kubectl -n monitoring rollout undo deployment/prometheus
kubectl -n monitoring rollout status deployment/prometheus --timeout=60s
}
