# problem: GW-014
# subject: Gateway/sm-gateways/shop
# also: 
# settle: 4
inject() {
for i in 1 2 3; do curl -sk --max-time 2 https://10.245.0.1/ >/dev/null || true; done
}
heal() {
sleep 62
}
