# problem: WH-001
# subject: ValidatingWebhookConfiguration//istio-validator-old
# also: 
# settle: 4
inject() {
kubectl get validatingwebhookconfiguration istiod-default-validator -o json | jq '.metadata={name:"istio-validator-old",labels:{app:"istiod","istio.io/rev":"old"}} | .webhooks[].clientConfig.service.name="istiod-old" | .webhooks[].name="rev.validation.istio.io" | .webhooks[].objectSelector={matchLabels:{"istio.io/rev":"old"}} | .webhooks[].failurePolicy="Fail"' | kubectl apply -f -
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s validatingwebhookconfiguration istio-validator-old
}
