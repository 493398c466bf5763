# problem: GW-018
# subject: Deployment/edge-018/door
# also: PRX-002, GW-001, XDS-001
# settle: 25
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Namespace
metadata: {name: edge-018, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: door, namespace: edge-018}
spec: {selector: {istio: door}, ports: [{name: http2, port: 80, targetPort: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: door, namespace: edge-018}
spec:
  selector: {matchLabels: {istio: door}}
  template:
    metadata:
      labels: {istio: door, sidecar.istio.io/inject: "true"}
      annotations: {inject.istio.io/templates: gateway}
    spec:
      containers: [{name: istio-proxy, image: auto, imagePullPolicy: IfNotPresent}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door, namespace: edge-018}
spec:
  selector: {istio: door}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["door.example.com"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: door, namespace: edge-018}
spec:
  hosts: ["door.example.com"]
  gateways: [door]
  http: [{route: [{destination: {host: cart.shop.svc.cluster.local, port: {number: 8080}}}]}]
E
kubectl -n edge-018 rollout status deployment/door --timeout=60s
# Injection sets the sysctl to 0: it is written out, as a Deployment of one own making, with the value of the kernel.
kubectl -n edge-018 get pod -l istio=door -o json | python3 -c '
import json, sys
pod = json.load(sys.stdin)["items"][0]
spec, labels = pod["spec"], {"istio": "door", "sidecar.istio.io/inject": "false"}
for key in ("nodeName", "serviceAccount", "tolerations", "priority", "preemptionPolicy", "enableServiceLinks"):
    spec.pop(key, None)
spec["securityContext"]["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "1024"}]
spec["volumes"] = [v for v in spec["volumes"] if not v["name"].startswith("kube-api-access")]
for c in spec["containers"] + spec.get("initContainers", []):
    c["volumeMounts"] = [m for m in c.get("volumeMounts", []) if not m["name"].startswith("kube-api-access")]
template = {"metadata": {"labels": labels, "annotations": pod["metadata"]["annotations"]}, "spec": spec}
meta = {"name": "door", "namespace": "edge-018"}
made = {"selector": {"matchLabels": {"istio": "door"}}, "template": template}
print(json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": made}))' | kubectl replace -f -
}
heal() {
kubectl delete namespace edge-018 --ignore-not-found --timeout=90s
}
