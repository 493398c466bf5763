# problem: INJ-010
# subject: MutatingWebhookConfiguration//istio-revision-tag-default-istio-d
# also: 
# settle: 4
inject() {
kubectl patch mutatingwebhookconfiguration istio-revision-tag-default-istio-d --type=json -p '[{"op":"replace","path":"/webhooks/2/failurePolicy","value":"Ignore"}]'
}
heal() {
kubectl patch mutatingwebhookconfiguration istio-revision-tag-default-istio-d --type=json -p '[{"op":"replace","path":"/webhooks/2/failurePolicy","value":"Fail"}]'
}
