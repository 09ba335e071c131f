#!/usr/bin/env bash
# Builds the programs of programs/ into prebuilt/, or checks that doing so changes nothing.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: rebuild.sh [--check]

Compiles every program of programs/ into prebuilt/. Programs whose bytes stay the same are left alone.

  --check      changes nothing: says which prebuilt programs differ from what their sources give
  -h, --help   this text

The bytes depend on the compiler, so prebuilt/toolchain.txt records the versions that made them, and --check
with others tells nothing.

Exit status: 0 done; 1 a program differs, does not compile or has no source; 2 usage; 4 the compiler is not installed;
77 --check cannot compare: the compiler is not installed, or of another version.
TEXT
}

cd "$(dirname "${BASH_SOURCE[0]}")"
check=false
case $#:${1-} in
  0:) ;;
  1:--check) check=true ;;
  1:-h | 1:--help)
    usage
    exit 0
    ;;
  *)
    echo "rebuild.sh: unknown arguments: $* (see --help)" >&2
    exit 2
    ;;
esac

# unavailable MESSAGE: a check is skipped, which is for its caller to report.
unavailable() {
  if $check; then
    echo "rebuild.sh: skipped: $1"
    exit 77
  fi
  echo "rebuild.sh: $1" >&2
  exit 4
}

cross=riscv64-unknown-elf
command -v $cross-gcc >/dev/null || unavailable "$cross-gcc is not installed (Debian: gcc-riscv64-unknown-elf)"
picolibc=$(echo '#include <picolibc.h>
_PICOLIBC_VERSION' | $cross-gcc --specs=picolibc.specs -march=rv32i -mabi=ilp32 -E -P -x c - 2>/dev/null) ||
  unavailable "picolibc is not installed (Debian: picolibc-riscv64-unknown-elf)"
toolchain="gcc $($cross-gcc -dumpfullversion)
binutils $($cross-ld --version | sed -n '1s/.* //p')
picolibc $(tail -n 1 <<<"${picolibc//\"/}")"

if $check && [[ $toolchain != "$(cat prebuilt/toolchain.txt)" ]]; then
  unavailable "prebuilt/ was made by $(paste -sd, prebuilt/toolchain.txt); installed is ${toolchain//$'\n'/,}"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
different=0
for source in programs/*.c; do
  name=$(basename "$source" .c)
  ./build.sh -o "$work/$name.elf" "$source" -- -Wpedantic -Wshadow -Wconversion -Werror
  if cmp -s "$work/$name.elf" "prebuilt/$name.elf"; then
    echo "$name: the same"
  elif $check; then
    echo "$name: prebuilt/$name.elf is not what $source gives: run vm/guest/rebuild.sh"
    different=1
  else
    cp "$work/$name.elf" "prebuilt/$name.elf"
    echo "$name: rebuilt"
  fi
done
for elf in prebuilt/*.elf; do
  if [[ ! -e $work/$(basename "$elf") ]]; then
    echo "$elf has no source in programs/"
    different=1
  fi
done
$check || echo "$toolchain" >prebuilt/toolchain.txt
exit $different
