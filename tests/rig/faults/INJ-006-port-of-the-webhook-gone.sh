# problem: INJ-006
# subject: Service/istio-d/istiod
# also: WH-001
# settle: 6
inject() {
kubectl -n istio-d get service istiod -o json | jq '.spec.ports' > /tmp/rig-istiod-ports.json
kubectl -n istio-d patch service istiod --type=merge -p "{\"spec\":{\"ports\":$(jq -c 'map(select(.port!=443))' /tmp/rig-istiod-ports.json)}}"
}
heal() {
kubectl -n istio-d patch service istiod --type=merge -p "{\"spec\":{\"ports\":$(jq -c . /tmp/rig-istiod-ports.json)}}"
}
