# problem: XDS-007
# subject: Namespace//shop | Deployment/shop/ | ServiceEntry/shop/partners
# also: 
# settle: 12
inject() {
{ echo '{"apiVersion":"networking.istio.io/v1","kind":"List","items":['
for k in 1 2 3 4 5; do
  H=$(for i in $(seq 230); do printf '"p%s-%s.partners.example.com",' $k $i; done)
  [ $k -gt 1 ] && echo ,
  echo "{\"apiVersion\":\"networking.istio.io/v1\",\"kind\":\"ServiceEntry\",\"metadata\":{\"name\":\"partners-$k\",\"namespace\":\"shop\"},\"spec\":{\"hosts\":[${H%,}],\"location\":\"MESH_EXTERNAL\",\"resolution\":\"NONE\",\"ports\":[{\"number\":443,\"name\":\"tls\",\"protocol\":\"TLS\"}]}}"
done; echo ']}'; } | sed '1s#networking.istio.io/v1","kind":"List#v1","kind":"List#' | kubectl apply -f -
}
heal() {
kubectl -n shop delete --ignore-not-found serviceentry partners-1 partners-2 partners-3 partners-4 partners-5
}
