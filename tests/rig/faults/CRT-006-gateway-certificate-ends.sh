# problem: CRT-006
# subject: Gateway/sm-gateways/shop | Secret/sm-gateways/shop-tls
# also: 
# settle: 6
inject() {
openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/ft.key -out /tmp/ft.crt -days 3 -subj /CN=shop.example.com -addext subjectAltName=DNS:shop.example.com 2>/dev/null
kubectl -n sm-gateways create secret tls shop-tls --cert=/tmp/ft.crt --key=/tmp/ft.key --dry-run=client -o yaml | kubectl apply -f -
}
heal() {
kubectl -n sm-gateways create secret tls shop-tls --cert="$RIG_HOME/pki/shop.crt" --key="$RIG_HOME/pki/shop.key" --dry-run=client -o yaml | kubectl apply -f -
}
