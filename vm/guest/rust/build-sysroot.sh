#!/usr/bin/env bash
# Builds what rustc needs to compile programs for the machine: core, compiler_builtins, alloc, serde, and the runtime.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: build-sysroot.sh FOLDER

Builds into FOLDER, which must not exist, what rustc needs to compile programs for the Magnetar machine:

  sysroot/     core, compiler_builtins and alloc for riscv32i-unknown-none-elf, as --sysroot takes it
  lib/         nexus_rt and serde with the compiler's plug-ins for their attributes, as -L takes it
  link.ld      the linker script
  manifest     the compiler's version, then the SHA-256 of every file

The same packages give the same bytes, wherever FOLDER lies.

  --rustc FILE    the compiler (default /usr/bin/rustc)
  --crates DIR    sources of serde and what it needs (default /usr/share/cargo/registry)
  -h, --help      this text

Needs Debian's rustc-web, rust-web-src, librust-serde-dev and librust-serde-derive-dev.

Exit status: 0 done, 1 something does not compile, 2 usage, 4 a package is not installed.
TEXT
}

# fail STATUS MESSAGE
fail() {
  echo "build-sysroot.sh: $2" >&2
  exit "$1"
}

sources=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rustc=/usr/bin/rustc
crates=/usr/share/cargo/registry
out=
while (($#)); do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --rustc | --crates)
      (($# > 1)) || fail 2 "$1 needs a value (see --help)"
      if [[ $1 == --rustc ]]; then rustc=$2; else crates=$2; fi
      shift 2
      ;;
    -*) fail 2 "unknown option $1 (see --help)" ;;
    *)
      [[ -z $out ]] || fail 2 "more than one folder (see --help)"
      out=$1
      shift
      ;;
  esac
done
[[ -n $out ]] || fail 2 "no folder (see --help)"
[[ ! -e $out ]] || fail 2 "$out exists"

[[ -x $rustc ]] || fail 4 "$rustc is not there (Debian: rustc-web)"
release=$("$rustc" -vV | sed -n 's/^release: //p')
library=/usr/src/rustc-$release/library
[[ -r $library/core/src/lib.rs ]] || fail 4 "$library is not there (Debian: rust-web-src, of the version of rustc-web)"

# crate NAME PACKAGE: the folder of a crate's source, whatever its version.
crate() {
  local found=("$crates/$1"-[0-9]*/)
  [[ -r ${found[0]}src/lib.rs ]] || fail 4 "no source of $1 in $crates (Debian: $2)"
  echo "${found[0]%/}"
}
serde=$(crate serde librust-serde-dev)
serde_derive=$(crate serde_derive librust-serde-derive-dev)
syn=$(crate syn librust-syn-dev)
quote=$(crate quote librust-quote-dev)
proc_macro2=$(crate proc-macro2 librust-proc-macro2-dev)
unicode_ident=$(crate unicode-ident librust-unicode-ident-dev)

umask 022
mkdir "$out"
out=$(cd "$out" && pwd)
host=$out/host
target=riscv32i-unknown-none-elf
core=$out/sysroot/lib/rustlib/$target/lib
lib=$out/lib
mkdir -p "$host" "$core" "$lib"
cd /

# edition FOLDER: what its Cargo.toml says; 2015 where it says nothing.
edition() {
  local stated
  stated=$(sed -n 's/^edition = "\(.*\)"$/\1/p' "$1/Cargo.toml")
  echo "${stated:-2015}"
}

# Paths must not reach the code: neither this folder's nor those of the packages, which hold versions.
common=(-Ccodegen-units=1 --cap-lints allow --remap-path-prefix "$library=/rust/library" --remap-path-prefix "$crates=/rust/crates"
  --remap-path-prefix "$sources=" --remap-path-prefix "$out=/rust")

# for_machine NAME SOURCE ARGUMENT...: a library of the program.
for_machine() {
  "$rustc" --target $target --crate-type rlib --crate-name "$1" --sysroot "$out/sysroot" -Copt-level=3 -Cpanic=abort \
    -Cembed-bitcode=yes "${common[@]}" "${@:3}" "$2"
}

# for_compiler NAME SOURCE ARGUMENT...: a library or plug-in of the compiler. Building these takes longer than they run.
for_compiler() {
  "$rustc" --crate-name "$1" -Copt-level=0 -Cstrip=symbols -L "$host" "${common[@]}" "${@:3}" "$2"
}

build_core() {
  local -x RUSTC_BOOTSTRAP=1
  local flags=(-Zforce-unstable-if-unmarked --out-dir "$core")
  for_machine core "$library/core/src/lib.rs" "${flags[@]}" --edition "$(edition "$library/core")"
  local builtins=$library/compiler-builtins/compiler-builtins
  for_machine compiler_builtins "$builtins/src/lib.rs" "${flags[@]}" --edition "$(edition "$builtins")" \
    --cfg 'feature="compiler-builtins"' --cfg 'feature="mem"' --cfg 'feature="unstable-intrinsics"' \
    --cfg intrinsics_enabled --cfg arch_enabled --cfg optimizations_enabled
  for_machine alloc "$library/alloc/src/lib.rs" "${flags[@]}" --edition "$(edition "$library/alloc")"
}

build_plugins() {
  local flags=(--crate-type rlib --out-dir "$host")
  for_compiler unicode_ident "$unicode_ident/src/lib.rs" "${flags[@]}" --edition "$(edition "$unicode_ident")"
  for_compiler proc_macro2 "$proc_macro2/src/lib.rs" "${flags[@]}" --edition "$(edition "$proc_macro2")" \
    --cfg 'feature="proc-macro"' --cfg use_proc_macro --cfg wrap_proc_macro --extern unicode_ident
  for_compiler quote "$quote/src/lib.rs" "${flags[@]}" --edition "$(edition "$quote")" \
    --cfg 'feature="proc-macro"' --extern proc_macro2
  local features=() feature
  for feature in clone-impls derive parsing printing proc-macro quote; do
    features+=(--cfg "feature=\"$feature\"")
  done
  for_compiler syn "$syn/src/lib.rs" "${flags[@]}" --edition "$(edition "$syn")" "${features[@]}" \
    --extern unicode_ident --extern quote --extern proc_macro2
  flags=(--crate-type proc-macro --out-dir "$lib" --extern proc_macro)
  for_compiler serde_derive "$serde_derive/src/lib.rs" "${flags[@]}" --edition "$(edition "$serde_derive")" \
    --extern quote --extern syn --extern proc_macro2
  for_compiler nexus_rt_macros "$sources/nexus_rt_macros/src/lib.rs" "${flags[@]}" --edition 2021
}

build_core &
building_core=$!
build_plugins || { kill $building_core; fail 1 "the compiler's plug-ins do not compile"; }
wait $building_core || fail 1 "core, compiler_builtins and alloc do not compile"
for_machine serde "$serde/src/lib.rs" --out-dir "$lib" --edition "$(edition "$serde")" -L "$lib" --extern serde_derive \
  --cfg 'feature="alloc"' --cfg 'feature="derive"' --cfg 'feature="serde_derive"' || fail 1 "serde does not compile"
for_machine nexus_rt "$sources/nexus_rt/src/lib.rs" --out-dir "$lib" --edition 2021 -L "$lib" --extern serde \
  --extern nexus_rt_macros || fail 1 "nexus_rt does not compile"

rm -r "$host"
install -m 644 "$sources/link.ld" "$out/link.ld"
(
  cd "$out"
  "$rustc" -V
  find . -type f ! -name 'manifest*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum
) >"$out/manifest.new"
mv "$out/manifest.new" "$out/manifest"
