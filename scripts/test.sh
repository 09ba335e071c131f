#!/usr/bin/env bash
# Installs what is needed, builds, and runs all tests. With --ci also: formatting, lint, warnings as errors with both
# compilers, sanitizers, and a minute of each fuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."

# What a clone in another folder compiled is not compiled again.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

usage() {
  echo "usage: scripts/test.sh [--ci]"
  echo "Installs the packages (scripts/setup.sh), builds build/release, and runs all tests."
  echo "  --ci  everything that a change must pass to land"
}

ci=false
case ${1:-} in
  '') ;;
  --ci) ci=true ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

stages=()
# stage NAME COMMAND...: runs it, and notes the seconds it took.
stage() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@"
  stages+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

# build PRESET TARGET CMAKE_ARGUMENT...
build() {
  local preset=$1 target=$2
  shift 2
  cmake --preset "$preset" "$@" >/dev/null
  cmake --build --preset "$preset" --target "$target"
}

# Each program fuzzes on its corpus and on what it finds; two at a time. A finding is printed in base64.
fuzz() {
  local found=build/asan/found seconds=${FUZZ_SECONDS:-60}
  rm -rf "$found"
  mkdir -p "$found"
  printf '%s\n' build/asan/tests/fuzz/*_fuzzer | xargs -P 2 -I {} bash -c '
    name=$(basename "$1" _fuzzer)
    mkdir -p "$2/$name"
    if ! "$1" -max_total_time="$3" -print_final_stats=1 -artifact_prefix="$2/$name-" "$2/$name" "tests/fuzz/corpus/$name" \
        >"$2/$name.log" 2>&1; then
      tail -n 60 "$2/$name.log"
      echo "fuzz: $name failed"
      exit 255
    fi
    echo "fuzz: $name: $(grep -E "^Done|number_of_executed" "$2/$name.log" | tr "\n" " ")"
  ' _ {} "$found" "$seconds"
}

lint() {
  local files
  mapfile -t files < <(git ls-files 'vm/*.cpp' 'engine/*.cpp' 'kernels/*.cpp' 'host/*.cpp')
  # Only what this configuration compiles; guests are compiled for another machine.
  python3 - "${files[@]}" <<'PYTHON' | xargs -P 2 -n 1 clang-tidy-14 -p build/release --quiet --extra-arg=-Wno-unknown-warning-option
import json, os, sys
compiled = {os.path.realpath(entry["file"]) for entry in json.load(open("build/release/compile_commands.json"))}
print("\n".join(f for f in sys.argv[1:] if os.path.realpath(f) in compiled))
PYTHON
}

# An emulated CUDA runtime, which the tests of the kernels use where there is no GPU. Without one they are skipped.
emulator() {
  local source=${MAGNETAR_CUDA_EMULATOR_SOURCE:-../shared/cuda-emulator}
  if [[ ! -e $source/CMakeLists.txt ]]; then
    echo "no sources in $source (MAGNETAR_CUDA_EMULATOR_SOURCE)"
    return
  fi
  cmake -S "$source" -B build/cuda-emulator -G Ninja -DCUDA_EMULATOR_TESTS=OFF >/dev/null
  cmake --build build/cuda-emulator
  export MAGNETAR_CUDA_EMULATOR=$PWD/build/cuda-emulator
}

stage 'packages' scripts/setup.sh
stage 'CUDA emulator' emulator
if ! $ci; then
  stage 'build' build release all
  stage 'tests' ctest --preset release -j 2
  exit 0
fi

stage 'format' scripts/format.sh --check
stage 'build, g++ 12' build release all -DCMAKE_CXX_COMPILER=g++-12 -DMAGNETAR_WERROR=ON
stage 'tests, g++ 12' ctest --preset release -j 2 --output-log build/release/ctest.log
stage 'lint' lint
stage 'build, clang 14, address and undefined behaviour' build asan all -DMAGNETAR_WERROR=ON
stage 'tests, address and undefined behaviour' ctest --preset asan -j 2 -LE slow
stage 'fuzz' fuzz
stage 'instrumented oneTBB' scripts/instrumented_tbb.sh
stage 'build, threads' build tsan thread_tests
stage 'tests, threads' ctest --preset tsan -j 2 -R Thread -LE slow
printf '\n== seconds by stage\n'
printf '%s\n' "${stages[@]}"
printf '\n== the tests of the optimised build, again\n'
tail -n 3 build/release/ctest.log
