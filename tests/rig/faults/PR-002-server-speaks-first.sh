# problem: PR-002
# subject: Service/shop/mail
# also: 
# settle: 5
inject() {
kubectl apply -f - <<'E'
apiVersion: v1
kind: Service
metadata: {name: mail, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 587, targetPort: 8080}]}
E
}
heal() {
kubectl -n shop delete service/mail
}
