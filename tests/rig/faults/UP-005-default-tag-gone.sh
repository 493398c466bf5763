# problem: UP-005
# subject: MutatingWebhookConfiguration/istio-revision-tag-default-istio-d | Namespace/shop | MutatingWebhookConfiguration/
# also: INJ-001 INJ-002 INJ-005 INJ-006
# settle: 8
inject() {
kubectl get mutatingwebhookconfiguration -o yaml > $RIG_HOME/mwc.yaml
kubectl get mutatingwebhookconfiguration -o name | xargs kubectl delete
}
heal() {
kubectl create -f $RIG_HOME/mwc.yaml
}
