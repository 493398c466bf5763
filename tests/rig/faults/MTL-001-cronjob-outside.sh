# problem: MTL-001
# subject: CronJob/legacy/nightly-report | Job/legacy/ | Deployment/bank/ledger-v1 | Service/bank/ledger | PeerAuthentication/bank/default
# also: 
# settle: 10
inject() {
kubectl apply -f - <<'E'
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly-report, namespace: legacy}
spec:
  schedule: "0 3 1 1 *"
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: nightly-report}}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 1
          containers:
          - {name: app, image: "rig.local/fortio:1", args: [load, -qps, "4", -c, "1", -t, "0", -allow-initial-errors, -log-errors=false, "http://ledger.bank:8080/echo"]}
E
kubectl -n legacy create job --from=cronjob/nightly-report nightly-report-now
}
heal() {
kubectl -n legacy delete --ignore-not-found --cascade=foreground --timeout=60s cronjob nightly-report
kubectl -n legacy delete --ignore-not-found --cascade=foreground --timeout=60s job nightly-report-now
}
