#!/usr/bin/env bash
# Installs what building and testing Magnetar needs on Debian 12, from Debian's packages alone.
set -euo pipefail

build_only=false
if [[ $# -gt 0 ]]; then
  case $1 in
    --build) build_only=true ;;
    -h | --help)
      echo "usage: scripts/setup.sh [--build]"
      echo "Installs the Debian 12 packages that Magnetar's build and tests need. Run as root, or with sudo at hand."
      echo "Does nothing when all of them are installed."
      echo "  --build  only what building and packaging the program needs, without tests, benches and a second compiler"
      exit 0
      ;;
    *)
      echo "setup.sh: unknown argument '$1' (see --help)" >&2
      exit 2
      ;;
  esac
fi

packages=(
  # Compiler, build tools, and what finds a Debian package's dependencies.
  g++ cmake ninja-build ccache pkg-config make git python3 dpkg-dev file
  # Libraries.
  libexpected-dev libelf-dev libfmt-dev libcli11-dev nlohmann-json3-dev libspdlog-dev
  libprotobuf-dev protobuf-compiler libtbb-dev libssl-dev libsqlite3-dev libpq-dev
  libgrpc-dev libgrpc++-dev protobuf-compiler-grpc prometheus-cpp-dev libcpp-httplib-dev
)
$build_only || packages+=(
  # clang 14 checks formatting, lints, fuzzes, and is the second compiler.
  g++-12 clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
  # Tests and benches; GMP is the oracle of field arithmetic.
  libgtest-dev libgmock-dev libbenchmark-dev libgmp-dev
  # Tests of the store start a private server.
  postgresql
  # Tests of whole installations look at their metrics with it, and commands in documents ask an orchestrator.
  prometheus curl
  # The independent client of the network, and certificates for it.
  python3-grpcio python3-protobuf openssl
  # Tests of the deployment read YAML, and have systemd judge its units.
  python3-yaml systemd
  # What the CUDA emulator that test.sh builds where it finds one is made with.
  libzstd-dev liblz4-dev
  # Guest programs, and the simulator that ours is compared with.
  gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc
  # Compiling Rust programs: the compiler and its library's source (a newer one than Debian's rustc), serde's source, the
  # linker, and the sandbox.
  rustc-web rust-web-src librust-serde-dev librust-serde-derive-dev lld-14 bubblewrap util-linux
)

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: ${#missing[@]} packages are missing; run it as root, or install sudo: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
