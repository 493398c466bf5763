# problem: AM-007
# subject: NetworkPolicy/legacy/report
# also: 
# settle: 4
inject() {
kubectl label namespace legacy istio.io/dataplane-mode=ambient
kubectl apply -f - <<'E'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: report, namespace: legacy}
spec: {podSelector: {matchLabels: {app: report}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: TCP, port: 8080}]}]}
E
}
heal() {
kubectl label namespace legacy istio.io/dataplane-mode-
kubectl -n legacy delete --ignore-not-found networkpolicy report
}
