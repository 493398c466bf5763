# problem: UP-002
# subject: Deployment/shop/catalog-v2
# also: XDS-003 PRX-002 PRX-001
# settle: 25
inject() {
kubectl -n shop patch deployment/catalog-v2 --type=merge -p '{"spec":{"template":{"metadata":{"annotations":{"proxy.istio.io/config":"discoveryAddress: istiod-1-20.istio-d.svc:15012"}}}}}'
sleep 5
}
heal() {
kubectl -n shop patch deployment/catalog-v2 --type=merge -p '{"spec":{"template":{"metadata":{"annotations":null}}}}'
kubectl -n shop rollout status deployment/catalog-v2 --timeout=60s
}
