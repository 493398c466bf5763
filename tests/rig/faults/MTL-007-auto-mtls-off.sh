# problem: MTL-007
# subject: ConfigMap/istio-d/istio
# also: MTL-001 MTL-002
# settle: 20
inject() {
kubectl -n istio-d get configmap istio -o json | jq '{data}' > $RIG_HOME/istio-cm.json
kubectl -n istio-d get configmap istio -o json | jq '{data:{mesh:(.data.mesh + "\nenableAutoMtls: false\n")}}' > $RIG_HOME/p.json
kubectl -n istio-d patch configmap istio --type=merge --patch-file $RIG_HOME/p.json
}
heal() {
kubectl -n istio-d patch configmap istio --type=merge --patch-file $RIG_HOME/istio-cm.json
}
