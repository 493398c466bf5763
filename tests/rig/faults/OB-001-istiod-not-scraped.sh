# problem: OB-001
# subject: Deployment/monitoring/prometheus | Service/monitoring/prometheus | ConfigMap/monitoring/prometheus
# also: 
# settle: 25
inject() {
kubectl -n monitoring get cm prometheus -o json | jq '.data["prometheus.yml"]|=sub("regex: istiod;15014";"regex: pilot;15014")' | kubectl apply -f -
kubectl -n monitoring scale deployment/prometheus --replicas=0; sleep 1; kubectl -n monitoring scale deployment/prometheus --replicas=1
kubectl -n monitoring rollout status deployment/prometheus --timeout=60s
}
heal() {
kubectl apply --server-side --force-conflicts -f "$RIG/manifests/prometheus.yaml" >/dev/null
kubectl -n monitoring scale deployment/prometheus --replicas=0; sleep 1; kubectl -n monitoring scale deployment/prometheus --replicas=1
kubectl -n monitoring rollout status deployment/prometheus --timeout=60s
}
