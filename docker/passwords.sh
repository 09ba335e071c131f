#!/usr/bin/env bash
# Makes the files of secrets that compose.yaml reads, where they are not there yet.
set -euo pipefail
cd "$(dirname "$0")"

if (($#)); then
  echo "usage: docker/passwords.sh"
  echo "Makes docker/secrets with random passwords of PostgreSQL and Grafana, and tokens with one requester, 'operator'."
  [[ $1 == -h || $1 == --help ]]
  exit
fi

# Services run as users of their own, and read the files: it is the folder that nobody else can enter.
install -d -m 700 secrets
umask 022
random() { od -An -v -tx1 -N 24 /dev/urandom | tr -d ' \n'; }
# secret NAME CONTENT
secret() {
  if [[ -e secrets/$1 ]]; then
    echo "secrets/$1 is there already"
  else
    printf '%s' "$2" >"secrets/$1"
    echo "secrets/$1 made"
  fi
}
secret postgres_password "$(random)"
secret grafana_password "$(random)"
secret tokens "operator $(random) request compile"$'\n'
