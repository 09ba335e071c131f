#!/usr/bin/env bash
# Installs what is needed, builds magnetar, and executes a bundled RV32I program: SHA-256 of its input.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target magnetar

echo
echo "Executing vm/guest/prebuilt/sha256.elf, an RV32I program that hashes its input, on README.md:"
digest=$(build/release/magnetar run vm/guest/prebuilt/sha256.elf --input README.md | od -An -v -tx1 | tr -d ' \n')
echo "the program's output: $digest"
expected=$(sha256sum README.md | cut -d ' ' -f 1)
echo "sha256sum says:       $expected"
[[ $digest == "$expected" ]] || {
  echo "demo: the digests differ" >&2
  exit 1
}
