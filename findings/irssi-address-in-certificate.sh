#!/usr/bin/env bash
# irssi 1.4.3 does not accept a certificate for the address that it connects to; only names are compared.
#
# Expected: who connects to https or IRC by an address is shown the certificate's subjectAltName of the kind iPAddress
#   (RFC 9525, 6.5; RFC 2818, 3.1). OpenSSL's own client accepts it (-verify_ip), and so do WeeChat and browsers.
# Behaves: irssi looks at the entries of the kind dNSName only. With the right address in the certificate, and an authority that it
#   trusts, it says that the common name does not match the address, and the connection is lost. A dNSName that is written like
#   the address is accepted.
# Seen: address as iPAddress: refused (SSL certificate common name 'server' doesn't match host name '127.0.0.1');
#   OpenSSL: Verification: OK; address as dNSName: accepted
# Debian 12 (irssi is fetched from its archive; libraries are those of the system); needs apt-get, dpkg, openssl, script.
set -euo pipefail
work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -qq download irssi=1.4.3-2
dpkg -x irssi_*.deb irssi
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out authority.pem 2>/dev/null

serve() {  # serve PORT NAME: a server with a certificate for this name
    openssl req -newkey rsa:2048 -nodes -subj "/CN=server" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA authority.pem -CAkey authority.key -days 2 -out "$1.pem" 2>/dev/null \
        -extfile <(echo "subjectAltName=$2")
    openssl s_server -quiet -accept "127.0.0.1:$1" -cert "$1.pem" -key "$1.key" >/dev/null 2>&1 < <(sleep 60) &
    servers+=($!)
}

shown() {  # shown PORT: what irssi shows of a connection to this port
    mkdir -p "home$1"
    printf 'settings = { "fe-common/core" = { autolog = "no"; }; };\n' > "home$1/config"
    { sleep 1; printf '/connect -tls -tls_verify -tls_cafile %s 127.0.0.1 %s\r' "$work/authority.pem" "$1"; sleep 4; printf '/quit\r'; sleep 1; } |
        TERM=xterm timeout 15 script -qec "stty cols 250 rows 50; irssi/usr/bin/irssi --home=home$1" /dev/null | tr -d '\r\0' |
        sed 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\x1b(.//g'
}

serve 26697 IP:127.0.0.1
serve 26698 DNS:127.0.0.1
until openssl s_client -connect 127.0.0.1:26698 </dev/null >/dev/null 2>&1; do sleep 0.2; done
openssl=$(openssl s_client -connect 127.0.0.1:26697 -CAfile authority.pem -verify_ip 127.0.0.1 </dev/null 2>/dev/null | grep -m1 '^Verification:')
address=$(shown 26697)
name=$(shown 26698)
refusal="common name 'server' doesn't match host name '127.0.0.1'"
grep -aq "$refusal" <<<"$address" && as_address=refused || as_address=accepted
grep -aq "$refusal" <<<"$name" && as_name=refused || as_name=accepted
grep -aq "Certificate Chain" <<<"$name"
echo "OpenSSL: $openssl; address as iPAddress: $as_address; address as dNSName: $as_name"
[[ $openssl == "Verification: OK" && $as_address == refused && $as_name == accepted ]]
