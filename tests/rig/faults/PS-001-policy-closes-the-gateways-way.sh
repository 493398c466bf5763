# problem: PS-001
# subject: NetworkPolicy/shop/inside
# also: 
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: inside, namespace: shop}
spec: {podSelector: {matchLabels: {app: storefront}}, ingress: [{from: [{podSelector: {}}]}, {from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}]}
E
}
heal() {
kubectl -n shop delete networkpolicy/inside
}
