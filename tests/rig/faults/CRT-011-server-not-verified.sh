# problem: CRT-011
# subject: DestinationRule/bank/rates
# also: MTL-003
# settle: 8
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rates, namespace: bank}
spec: {host: rates.example.com, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank destinationrule rates
}
