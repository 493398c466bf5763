# problem: INJ-008
# subject: MutatingWebhookConfiguration//istio-revision-tag-default-istio-d
# also: 
# settle: 6
inject() {
openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/ft.key -out /tmp/ft.crt -days 30 -subj /CN=other 2>/dev/null
kubectl label mutatingwebhookconfiguration istio-revision-tag-default-istio-d istio.io/rev=stale --overwrite
sleep 2
kubectl get mutatingwebhookconfiguration istio-revision-tag-default-istio-d -o json | jq --arg ca "$(base64 -w0 /tmp/ft.crt)" '.webhooks[].clientConfig.caBundle=$ca' | kubectl replace -f -
}
heal() {
kubectl label mutatingwebhookconfiguration istio-revision-tag-default-istio-d istio.io/rev=default --overwrite
sleep 5
}
