# problem: PS-002
# subject: NetworkPolicy/bank/inside
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: inside, namespace: bank}
spec: {podSelector: {}, ingress: [{ports: [{port: 8080}, {port: 8079}, {port: 8078}]}]}
E
}
heal() {
kubectl -n bank delete networkpolicy/inside
}
