#!/usr/bin/env bash
# Installs what is needed, builds magnetar, starts an orchestrator and a worker on this machine, and has the execution of a
# bundled RV32I program proved by them. The proof is verified, and the result compared with sha256sum's.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target magnetar

magnetar=$PWD/build/release/magnetar
program=vm/guest/prebuilt/sha256.elf
folder=$(mktemp -d)
processes=()
finish() {
  for process in "${processes[@]}"; do
    kill "$process" 2>/dev/null || true
    wait "$process" || true
  done
  rm -rf "$folder"
}
trap finish EXIT

echo
echo "Starting an orchestrator and a worker:"
"$magnetar" orchestrator --listen 127.0.0.1:0 --state "$folder/orchestrator" >"$folder/listening" 2>"$folder/orchestrator.log" &
processes=($!)
until [[ -s $folder/listening ]]; do
  kill -0 "${processes[0]}" || {
    cat "$folder/orchestrator.log" >&2
    exit 1
  }
  sleep 0.1
done
cat "$folder/listening"
address=$(sed 's/^listening on //' "$folder/listening")
"$magnetar" worker --orchestrator "$address" --state "$folder/worker" --estimate 30000 2>"$folder/worker.log" &
processes=($! "${processes[@]}")

echo
echo "Requesting a proof of $program, an RV32I program that hashes its input, for README.md:"
"$magnetar" request "$program" --orchestrator "$address" --input README.md --out "$folder/proof" >/dev/null || {
  tail -n 20 "$folder"/*.log >&2
  exit 1
}
echo
echo "Verifying the proof once more, from its file; the program is not executed:"
digest=$("$magnetar" verify "$folder/proof" --elf "$program" --input README.md | od -An -v -tx1 | tr -d ' \n')
echo "the program's output: $digest"
expected=$(sha256sum README.md | cut -d ' ' -f 1)
echo "sha256sum says:       $expected"
[[ $digest == "$expected" ]] || {
  echo "demo: the digests differ" >&2
  exit 1
}
