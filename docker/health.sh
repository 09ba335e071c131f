#!/usr/bin/env bash
# The health of the orchestrator or worker in this container, by exit status.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: magnetar-health orchestrator|worker|worker-alive
  orchestrator   it answers at MAGNETAR_HTTP, and does not drain
  worker         it is connected, and has turned to its work in the last 45 s
  worker-alive   it has turned to its work in the last 45 s, connected or not
A worker without a health file (MAGNETAR_HEALTH_FILE) measures its speed, or is about to end.
TEXT
}

fail() {
  echo "$1" >&2
  exit 1
}

case ${1:-} in
  orchestrator)
    # 0.0.0.0 and [::] as addresses to connect to are this machine.
    host=${MAGNETAR_HTTP%:*}
    host=${host#[}
    exec 3<>"/dev/tcp/${host%]}/${MAGNETAR_HTTP##*:}" || fail "nobody listens at $MAGNETAR_HTTP"
    printf 'GET /ready HTTP/1.0\r\n\r\n' >&3
    read -r -t 5 _ status _ <&3 || fail "no answer from $MAGNETAR_HTTP"
    [[ $status == 200 ]] || fail "not ready: HTTP status $status"
    ;;
  worker | worker-alive)
    file=${MAGNETAR_HEALTH_FILE:?}
    [[ -e $file ]] || fail "no $file: the worker has not started, or has ended"
    # Longer than three heartbeats.
    (($(date +%s) - $(stat -c %Y "$file") <= 45)) || fail "the worker hangs"
    [[ $1 == worker-alive || $(<"$file") == connected ]] || fail "the worker is not connected"
    ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
