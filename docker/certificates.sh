#!/usr/bin/env bash
# Makes a certificate authority, and certificates of it for an orchestrator and for workers.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: certificates.sh [--discard-ca-key] DIR NAME...
Writes to DIR, which is made: ca.pem and ca.key; server.pem and server.key for an orchestrator that is reached by these
names or IPv4 addresses; worker.pem and worker.key. Does nothing where server.pem is there. Keys can be read by their owner
alone. Needs openssl.
  --discard-ca-key   removes ca.key when all is made: nobody can make another certificate of this authority
  DAYS=825           how long certificates are valid
TEXT
}

discard=false
case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
  --discard-ca-key)
    discard=true
    shift
    ;;
esac
(($# > 1)) || {
  usage >&2
  exit 2
}

folder=$1
shift
mkdir -p "$folder"
cd "$folder"
if [[ -e server.pem ]]; then
  echo "certificates: $folder has them"
  exit 0
fi

# quietly COMMAND...: what it says is shown if it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || {
    echo "$said" >&2
    exit 1
  }
}

names=()
for name in "$@"; do
  if [[ $name =~ ^[0-9.]+$ ]]; then names+=("IP:$name"); else names+=("DNS:$name"); fi
done
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
days=${DAYS:-825}
quietly openssl req -x509 "${key[@]}" -keyout ca.key -out ca.pem -days "$days" -subj '/CN=Magnetar CA'

# certificate NAME EXTENSIONS: signed by the authority; in its place when it is complete.
certificate() {
  quietly openssl req "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=magnetar-$1"
  quietly openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -out "$1.draft" \
    -extfile <(printf '%s\n' "$2")
  rm "$1.csr"
  mv "$1.draft" "$1.pem"
}

certificate worker $'extendedKeyUsage=clientAuth\nsubjectAltName=DNS:worker'
certificate server "$(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=%s' "$(IFS=, && echo "${names[*]}")")"
if $discard; then rm ca.key; fi
echo "certificates: made in $folder for $*"
