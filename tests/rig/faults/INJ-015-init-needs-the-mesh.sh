# problem: INJ-015
# subject: Deployment/shop/migrates
# also: 
# settle: 25
inject() {
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: migrates, namespace: shop, labels: {app: migrates}}
spec:
  selector: {matchLabels: {app: migrates}}
  template:
    metadata: {labels: {app: migrates}, annotations: {sidecar.istio.io/inject: "false", sidecar.istio.io/status: '{"revision":"default"}'}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      initContainers:
      - name: istio-init
        image: rig.local/istio/proxyv2:rig
        args: [istio-iptables, -p, "15001", -z, "15006", -u, "1337", -m, REDIRECT, -i, "*", -x, "", -b, "*", -d, "15090,15021,15020"]
        securityContext: {runAsUser: 0, runAsGroup: 0, runAsNonRoot: false, privileged: false, capabilities: {add: [NET_ADMIN, NET_RAW], drop: [ALL]}}
      - {name: migrate, image: "rig.local/fortio:1", args: [curl, "http://catalog:8080/echo"]}
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
      - {name: istio-proxy, image: "rig.local/istio/proxyv2:rig", args: [proxy, sidecar]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment migrates
}
