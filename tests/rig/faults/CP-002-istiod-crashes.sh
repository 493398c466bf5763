# problem: CP-002
# subject: Deployment/istio-d/istiod | Pod/istio-d/
# also: 
# settle: 70
inject() {
kubectl -n istio-d set resources deployment/istiod -c discovery --limits=memory=24Mi --requests=memory=16Mi
}
heal() {
kubectl -n istio-d patch deployment/istiod --type=json -p '[{"op":"remove","path":"/spec/template/spec/containers/0/resources/limits"}]'
kubectl -n istio-d set resources deployment/istiod -c discovery --requests=memory=128Mi
kubectl -n istio-d rollout status deployment/istiod --timeout=120s
}
