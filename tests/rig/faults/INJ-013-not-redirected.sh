# problem: INJ-013
# subject: Deployment/shop/raced
# also: 
# settle: 15
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: raced, namespace: shop, labels: {app: raced}}
spec:
  selector: {matchLabels: {app: raced}}
  template:
    metadata: {labels: {app: raced}, annotations: {sidecar.istio.io/inject: "false", sidecar.istio.io/status: '{"revision":"default"}'}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      initContainers:
      - name: istio-validation
        image: rig.local/istio/proxyv2:rig
        args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -m, REDIRECT, -i, "*", -x, "", -b, "*", -d, "15090,15021,15020", --run-validation, --skip-rule-apply]
        env: [{name: INSTANCE_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        securityContext: {runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true}
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
      - {name: istio-proxy, image: "rig.local/istio/proxyv2:rig", args: [proxy, sidecar]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment raced
}
