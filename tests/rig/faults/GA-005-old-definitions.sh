# problem: GA-005
# subject: CustomResourceDefinition//tcproutes.gateway.networking.k8s.io
# also: 
# settle: 4
inject() {
kubectl annotate --overwrite crd tcproutes.gateway.networking.k8s.io gateway.networking.k8s.io/bundle-version=v1.5.0
}
heal() {
kubectl annotate --overwrite crd tcproutes.gateway.networking.k8s.io gateway.networking.k8s.io/bundle-version=$(kubectl get crd httproutes.gateway.networking.k8s.io -o json | jq -r '.metadata.annotations["gateway.networking.k8s.io/bundle-version"]')
}
