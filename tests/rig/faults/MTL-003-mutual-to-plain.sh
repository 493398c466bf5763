# problem: MTL-003
# subject: DestinationRule/legacy/report
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: report, namespace: legacy}
spec: {host: report.legacy.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n legacy destinationrule report
}
