# problem: INJ-003
# subject: CronJob/bank/invoices
# also: 
# settle: 4
inject() {
kubectl apply -f - <<'E'
apiVersion: batch/v1
kind: CronJob
metadata: {name: invoices, namespace: bank}
spec:
  schedule: "0 3 1 1 *"
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: invoices, sidecar.istio.io/inject: "false"}}
        spec: {restartPolicy: Never, containers: [{name: app, image: "rig.local/fortio:1", args: [version]}]}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank cronjob invoices
}
