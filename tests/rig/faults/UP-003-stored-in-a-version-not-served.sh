# problem: UP-003
# subject: CustomResourceDefinition//virtualservices.networking.istio.io
# also: 
# settle: 4
inject() {
kubectl patch crd virtualservices.networking.istio.io --subresource=status --type=json -p '[{"op":"replace","path":"/status/storedVersions","value":["v1alpha2","v1"]}]'
}
heal() {
kubectl patch crd virtualservices.networking.istio.io --subresource=status --type=json -p '[{"op":"replace","path":"/status/storedVersions","value":["v1"]}]'
}
