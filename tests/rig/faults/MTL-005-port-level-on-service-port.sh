# problem: MTL-005
# subject: PeerAuthentication/bank/ledger-port
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: ledger-web, namespace: bank}
spec: {selector: {app: ledger}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ledger-port, namespace: bank}
spec: {selector: {matchLabels: {app: ledger}}, mtls: {mode: STRICT}, portLevelMtls: {"80": {mode: PERMISSIVE}}}
E
}
heal() {
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank peerauthentication ledger-port
kubectl delete --ignore-not-found --cascade=foreground --timeout=60s -n bank service ledger-web
}
