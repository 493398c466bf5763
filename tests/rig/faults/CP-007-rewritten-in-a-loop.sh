# problem: CP-007
# subject: VirtualService/shop/busy
# also: 
# settle: 3
inject() {
kubectl apply -f - <<'E'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: busy, namespace: shop}
spec: {hosts: [busy.example.com], http: [{name: "0", directResponse: {status: 200}}]}
E
for i in $(seq 1 40); do kubectl -n shop patch virtualservice/busy --type=json -p "[{\"op\":\"replace\",\"path\":\"/spec/http/0/name\",\"value\":\"n$i\"}]" >/dev/null; done
}
heal() {
kubectl -n shop delete virtualservice/busy
}
