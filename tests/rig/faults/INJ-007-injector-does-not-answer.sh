# problem: INJ-007
# subject: MutatingWebhookConfiguration//istio-revision-tag-default-istio-d | Deployment/istio-d/istiod
# also: INJ-009
# settle: 20
inject() {
kubectl get mutatingwebhookconfiguration istio-revision-tag-default-istio-d -o json | jq 'del(.metadata.managedFields,.metadata.resourceVersion,.metadata.uid)' > /tmp/rig-mwc.json
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: istiod-far, namespace: istio-d, labels: {app: istiod}}
spec: {ports: [{name: https-webhook, port: 443, targetPort: 15017}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: istiod-far-1, namespace: istio-d, labels: {kubernetes.io/service-name: istiod-far}}
addressType: IPv4
endpoints: [{addresses: [10.244.250.250], conditions: {ready: true}}]
ports: [{name: https-webhook, port: 15017, protocol: TCP}]
E
jq '.webhooks|=map(.clientConfig.service.name="istiod-far"|.timeoutSeconds=3)' /tmp/rig-mwc.json | kubectl replace -f -
kubectl -n shop delete pod -l app=catalog,version=v2 --wait=false
}
heal() {
kubectl replace -f /tmp/rig-mwc.json
kubectl -n istio-d delete --ignore-not-found service istiod-far
kubectl -n istio-d delete --ignore-not-found endpointslice istiod-far-1
kubectl -n shop scale deployment/catalog-v2 --replicas=0; kubectl -n shop scale deployment/catalog-v2 --replicas=1
kubectl -n shop rollout status deployment/catalog-v2 --timeout=90s
}
