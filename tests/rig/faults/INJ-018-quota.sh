# problem: INJ-018
# subject: ResourceQuota/shop/tight | Namespace//shop | Deployment/shop/loner
# also: 
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: ResourceQuota
metadata: {name: tight, namespace: shop}
spec: {hard: {requests.memory: 100Mi}}
E
sleep 2
kubectl apply -f - <<'E'
apiVersion: apps/v1
kind: Deployment
metadata: {name: loner, namespace: shop, labels: {app: loner}}
spec:
  selector: {matchLabels: {app: loner}}
  template:
    metadata: {labels: {app: loner}}
    spec:
      serviceAccountName: storefront
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.local/fortio:1", args: [server]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop deployment loner
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n shop resourcequota tight
}
