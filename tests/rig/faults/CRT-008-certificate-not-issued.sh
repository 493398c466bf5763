# problem: CRT-008
# subject: Certificate/sm-gateways/shop
# also: 
# settle: 6
inject() {
kubectl apply -f - <<'E'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.cert-manager.io}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {kind: Certificate, listKind: CertificateList, plural: certificates, singular: certificate}
  versions:
  - {name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
E
kubectl wait --for=condition=Established crd/certificates.cert-manager.io --timeout=30s
kubectl apply -f - <<'E'
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: shop, namespace: sm-gateways}
spec: {secretName: shop-tls, dnsNames: [shop.example.com], issuerRef: {name: letsencrypt, kind: ClusterIssuer}}
E
kubectl -n sm-gateways patch certificates.cert-manager.io shop --subresource=status --type=merge -p '{"status":{"conditions":[{"type":"Ready","status":"False","reason":"DoesNotExist","message":"Issuing certificate as Secret does not exist","lastTransitionTime":"2026-11-20T10:00:00Z"}]}}'
}
heal() {
kubectl delete --ignore-not-found crd certificates.cert-manager.io
}
