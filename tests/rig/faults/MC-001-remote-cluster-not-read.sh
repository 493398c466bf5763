# problem: MC-001
# subject: Secret/istio-d/istio-remote-secret-west
# also: 
# settle: 45
inject() {
cat > /tmp/rig-west.kubeconfig <<'E'
apiVersion: v1
kind: Config
clusters: [{name: west, cluster: {server: "https://10.96.0.10:6443", insecure-skip-tls-verify: true}}]
contexts: [{name: west, context: {cluster: west, user: west}}]
current-context: west
users: [{name: west, user: {token: none}}]
E
kubectl -n istio-d create secret generic istio-remote-secret-west --from-file=west=/tmp/rig-west.kubeconfig
kubectl -n istio-d annotate secret istio-remote-secret-west networking.istio.io/cluster=west
kubectl -n istio-d label secret istio-remote-secret-west istio/multiCluster=true
}
heal() {
kubectl -n istio-d delete --ignore-not-found secret istio-remote-secret-west
}
