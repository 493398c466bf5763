# problem: UP-005
# subject: MutatingWebhookConfiguration/ | Namespace//shop
# also: INJ-001 INJ-005
# settle: 5
inject() {
kubectl get mutatingwebhookconfiguration istio-revision-tag-default-istio-d -o json | jq 'del(.metadata.managedFields,.metadata.resourceVersion,.metadata.uid)' > /tmp/rig-tag.json
kubectl delete mutatingwebhookconfiguration istio-revision-tag-default-istio-d
}
heal() {
kubectl create -f /tmp/rig-tag.json
}
