# problem: INJ-009
# subject: NetworkPolicy/istio-d/istiod
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: istiod, namespace: istio-d}
spec: {podSelector: {matchLabels: {app: istiod}}, ingress: [{ports: [{port: 15012}, {port: 15014}]}]}
E
}
heal() {
kubectl -n istio-d delete networkpolicy/istiod
}
