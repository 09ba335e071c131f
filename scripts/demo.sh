#!/usr/bin/env bash
# Installs what is needed, builds magnetar, proves the execution of a bundled RV32I program, and verifies the proof.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target magnetar

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo
echo "Proving vm/guest/prebuilt/sha256.elf, an RV32I program that hashes its input, on README.md:"
build/release/magnetar prove vm/guest/prebuilt/sha256.elf --input README.md --out "$folder/proof"
echo "Verifying the proof, without executing the program:"
digest=$(build/release/magnetar verify "$folder/proof" --elf vm/guest/prebuilt/sha256.elf --input README.md |
  od -An -v -tx1 | tr -d ' \n')
echo "the program's output: $digest"
expected=$(sha256sum README.md | cut -d ' ' -f 1)
echo "sha256sum says:       $expected"
[[ $digest == "$expected" ]] || {
  echo "demo: the digests differ" >&2
  exit 1
}
