#!/usr/bin/env bash
# Whether the orchestrator or worker in this container is ready, by exit status.
set -euo pipefail

if [[ $# -gt 0 ]]; then
  echo "usage: magnetar-health"
  echo "Asks for /ready at MAGNETAR_HTTP: an orchestrator is ready until it drains, a worker while it is connected."
  [[ $1 == -h || $1 == --help ]] && exit 0
  exit 2
fi

fail() {
  echo "$1" >&2
  exit 1
}

# 0.0.0.0 and [::] as addresses to connect to are this machine.
host=${MAGNETAR_HTTP%:*}
host=${host#[}
exec 3<>"/dev/tcp/${host%]}/${MAGNETAR_HTTP##*:}" || fail "nobody listens at $MAGNETAR_HTTP"
printf 'GET /ready HTTP/1.0\r\n\r\n' >&3
read -r -t 5 _ status _ <&3 || fail "no answer from $MAGNETAR_HTTP"
[[ $status == 200 ]] || fail "not ready: HTTP status $status"
