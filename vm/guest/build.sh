#!/usr/bin/env bash
# Compiles a C program to an ELF file that `magnetar run` executes.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: build.sh [-o OUT.elf] [-O LEVEL] FILE.c... [-- COMPILER FLAGS]

Compiles C (.c) and assembler (.S) sources for the Magnetar machine: RV32I, soft float, with picolibc.
The same sources and compiler give the same bytes, wherever they lie.

  -o OUT.elf   the program; by default the first source's name with .elf, in the current folder
  -O LEVEL     optimisation level: 0, 1, 2, 3, s, z (default 2)
  -h, --help   this text
  -- FLAGS     passed on to the compiler, for example -- -DSIZE=64 -Iinclude -lm

Programs include <magnetar.h> for input, output and log; printf writes to the log, getchar reads the input.
Needs Debian's gcc-riscv64-unknown-elf and picolibc-riscv64-unknown-elf.

Exit status: 0 done, 1 the sources do not compile or link, 2 usage, 4 the compiler is not installed.
TEXT
}

# fail STATUS MESSAGE
fail() {
  echo "build.sh: $2" >&2
  exit "$1"
}

sdk=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=
level=2
sources=()
flags=()
while (($#)); do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    -o | -O)
      (($# > 1)) || fail 2 "$1 needs a value (see --help)"
      if [[ $1 == -o ]]; then out=$2; else level=$2; fi
      shift 2
      ;;
    -O?)
      level=${1#-O}
      shift
      ;;
    --)
      shift
      flags=("$@")
      break
      ;;
    -*) fail 2 "unknown option $1 (see --help; compiler flags go after --)" ;;
    *)
      sources+=("$1")
      shift
      ;;
  esac
done

((${#sources[@]})) || fail 2 "no source file (see --help)"
[[ $level =~ ^[0123sz]$ ]] || fail 2 "-O $level: the levels are 0, 1, 2, 3, s, z"
for source in "${sources[@]}"; do
  [[ $source == *.c || $source == *.S ]] || fail 2 "$source: neither a .c nor a .S file"
  [[ -r $source && ! -d $source ]] || fail 2 "$source: no such file, or not readable"
done
if [[ -z $out ]]; then
  out=$(basename "${sources[0]%.*}").elf
fi
[[ -d $(dirname "$out") ]] || fail 2 "$out: $(dirname "$out") is no folder"

cross=riscv64-unknown-elf
command -v $cross-gcc >/dev/null || fail 4 "$cross-gcc is not installed (Debian: gcc-riscv64-unknown-elf)"
$cross-gcc --specs=picolibc.specs -E -x c /dev/null >/dev/null 2>&1 ||
  fail 4 "picolibc is not installed (Debian: picolibc-riscv64-unknown-elf)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile=($cross-gcc --specs=picolibc.specs -march=rv32i -mabi=ilp32 -std=c17 "-O$level" -g0 -Wall -Wextra
  -ffunction-sections -fdata-sections -I "$sdk/include" "-ffile-prefix-map=$sdk/=")
# Names of objects and folders must not reach the ELF: neither by __FILE__ nor by symbols of files.
objects=()
for source in "$sdk/runtime/start.S" "$sdk/runtime/libc.c" "${sources[@]}"; do
  object=$work/${#objects[@]}.o
  "${compile[@]}" "-ffile-prefix-map=$(dirname "$source")/=" ${flags[@]+"${flags[@]}"} -c -o "$object" "$source" ||
    fail 1 "$source does not compile"
  objects+=("$object")
done
# Without page alignment a small program is a small file.
"${compile[@]}" -nostartfiles -static -T "$sdk/link.ld" -Wl,--build-id=none,--gc-sections,-z,max-page-size=16 \
  -Wl,--fatal-warnings -o "$work/linked.elf" "${objects[@]}" ${flags[@]+"${flags[@]}"} || fail 1 "linking failed"
# The functions' symbols stay for `magnetar run --profile`; the marks between code and data serve disassemblers only.
$cross-strip --strip-debug --wildcard --strip-symbol '$[xd]*' -o "$work/program.elf" "$work/linked.elf"

# A library of another architecture passes the linker, with flags that say so.
elf_flags=$($cross-readelf -h "$work/program.elf" | sed -n 's/^ *Flags: *//p')
[[ $elf_flags == 0x0 ]] || fail 1 "the program is not plain RV32I: ELF flags $elf_flags"
install -m 644 "$work/program.elf" "$out"
