#!/usr/bin/env bash
# Builds the CPU images and has a proof made by containers of them, without a Docker engine: buildah builds, podman runs.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/containers.sh [--package FILE.deb] [--jobs N] [--compile] [--keep]
Builds the images of docker/Dockerfile on a base that debootstrap makes from the mirror that apt uses, starts an
orchestrator and two workers (TLS, as user 10001, read-only, without capabilities), has a bundled program proved, stops a
worker meanwhile, checks healths, and stops the rest by SIGTERM: everything must end with status 0. Debian 12, as root.

  --package FILE   takes this Debian package of Magnetar instead of building it in a container
  --jobs N         compilers at a time (default 2)
  --compile        also builds orchestrator-compile, and compiles a Rust program in it
  --keep           leaves the images (in build/containers), which the next run goes on from; otherwise all is removed
Installs buildah, podman, runc and debootstrap.
TEXT
}

package='' jobs=2 compile=false keep=false
while (($#)); do
  case $1 in
    --package | --jobs)
      (($# > 1)) || {
        echo "containers.sh: $1 needs a value" >&2
        exit 2
      }
      if [[ $1 == --package ]]; then package=$(realpath "$2"); else jobs=$2; fi
      shift
      ;;
    --compile) compile=true ;;
    --keep) keep=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
((EUID == 0)) || {
  echo "containers.sh: needs root" >&2
  exit 1
}

folder=$PWD/build/containers
mkdir -p "$folder/tmp"
run=$(mktemp -d "$folder/run.XXXXXX")
# Storage of its own, so that nothing else on the machine is touched.
storage=(--root "$folder/storage" --runroot "$folder/runroot" --storage-driver "${STORAGE_DRIVER:-overlay}")
containers=()

# It wants to have healths checked by timers of systemd, which does not run here, and says so each time.
podman() { command podman "${storage[@]}" "$@" 2> >(grep -v 'systemd connection' >&2); }
# It keeps the compiler's cache below the folder of temporary files.
buildah() { TMPDIR=$folder/tmp nice -n 10 buildah "${storage[@]}" "$@"; }

finish() {
  local status=$?
  if ((status != 0)); then
    for name in "${containers[@]}"; do
      echo "--- $name" >&2
      podman logs --tail 20 "$name" >&2 || true
    done
  fi
  ((${#containers[@]} == 0)) || podman rm --force --volumes --time 5 "${containers[@]}" >/dev/null 2>&1 || true
  $keep || podman system reset --force >/dev/null 2>&1 || true
  # Layers are mounted there until they are let go.
  umount --quiet --lazy "$folder/storage/overlay" 2>/dev/null || true
  rm -rf --one-file-system "$run"
  $keep || rm -rf --one-file-system "$folder"
  exit "$status"
}
trap finish EXIT

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  echo "containers.sh: $*" >&2
  exit 1
}

missing=()
for tool in buildah podman runc debootstrap; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' $tool 2>/dev/null) == installed ]] || missing+=("$tool")
done
if ((${#missing[@]})); then
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Neither systemd nor a network of containers is needed, nor a limit that the kernel of a container would refuse.
cat >"$run/containers.conf" <<'TOML'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
TOML
export CONTAINERS_CONF=$run/containers.conf

base=localhost/magnetar-base
if ! podman image exists $base; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
  [[ -n $mirror ]] || fail "apt has no list of Debian 12 (apt-get update)"
  say "a base from Debian's packages"
  debootstrap --variant=minbase bookworm "$run/base" "$mirror" >"$run/debootstrap.log" || {
    tail "$run/debootstrap.log" >&2
    exit 1
  }
  # Security updates, too: packages of the Rust compiler come from there.
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' \
    'Component: main' | sort -u >"$run/base/etc/apt/sources.list"
  # As Debian's slim images, which keep no downloaded packages either.
  rm -rf "$run"/base/var/lib/apt/lists/* "$run"/base/var/cache/apt/* "$run"/base/usr/share/{doc,man,locale,info}/*
  printf 'path-exclude %s/*\n' /usr/share/{doc,man,locale,info} >"$run/base/etc/dpkg/dpkg.cfg.d/docs"
  cat >"$run/base/etc/apt/apt.conf.d/clean" <<'CONF'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CONF
  tar -C "$run/base" -c . | podman import --quiet - $base >/dev/null
  rm -rf --one-file-system "$run/base"
fi

# A copy, so that all images are of one state of it.
mkdir "$run/source"
tar -c --exclude ./build --exclude ./.git . | tar -x -C "$run/source"
build=(bud --quiet --layers --isolation chroot --format docker --build-arg "DEBIAN=$base" --build-arg "JOBS=$jobs"
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" -f "$run/source/docker/Dockerfile")
if [[ -n $package ]]; then
  # Stands for the stage that builds.
  mkdir -p "$run/package/package"
  cp "$package" "$run/package/package/magnetar.deb"
  build+=(--build-context "build=$run/package")
fi
targets=(orchestrator worker certificates)
$compile && targets+=(orchestrator-compile)
for target in "${targets[@]}"; do
  say "image $target"
  buildah "${build[@]}" --target "$target" -t "localhost/magnetar-$target" "$run/source" >"$run/build.log" 2>&1 || {
    tail -n 40 "$run/build.log" >&2
    exit 1
  }
done
say "images: $(podman images --format '{{.Repository}} {{.Size}}' | grep -E 'magnetar-(orch|work|base)' | sed 's|localhost/||' | tr '\n' ';')"

certificates=$run/certificates
install -d -o 10001 -g 10001 "$certificates"
confined=(--read-only --cap-drop all --security-opt no-new-privileges)
podman run --rm "${confined[@]}" -v "$certificates:/certificates" localhost/magnetar-certificates \
  --discard-ca-key /certificates localhost 127.0.0.1
[[ $(stat -c '%u %a' "$certificates/server.key") == '10001 600' ]] || fail "the server's key is not its own"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
grpc=127.0.0.1:$(free_port) http=127.0.0.1:$(free_port)
tls=(-v "$certificates:/certificates:ro" -e MAGNETAR_TLS_CA=/certificates/ca.pem)

# start NAME ARGUMENT...: runs a container.
start() {
  containers+=("$1")
  podman run -d --name "$1" "${confined[@]}" --tmpfs /tmp "${@:2}" >/dev/null
}
# healthy NAME SECONDS: waits for it.
healthy() {
  local end=$((SECONDS + $2))
  until podman healthcheck run "$1" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$1 is not healthy: $(podman healthcheck run "$1" 2>&1)"
    sleep 0.5
  done
  say "$1 is healthy"
}
# stop NAME: by SIGTERM, and it must end with status 0.
stop() {
  local status
  podman stop --time 60 "$1" >/dev/null
  status=$(podman inspect --format '{{.State.ExitCode}}' "$1")
  [[ $status == 0 ]] || fail "$1 ended with status $status"
  say "$1 ended by SIGTERM with status 0"
}

suffix=${run##*.}
start "orchestrator-$suffix" -v "$certificates:/certificates:ro" -e MAGNETAR_LISTEN="$grpc" -e MAGNETAR_HTTP="$http" \
  -e MAGNETAR_TLS_CERT=/certificates/server.pem -e MAGNETAR_TLS_KEY=/certificates/server.key \
  -e MAGNETAR_TLS_CLIENT_CA=/certificates/ca.pem localhost/magnetar-orchestrator
healthy "orchestrator-$suffix" 30
for number in 1 2; do
  # One core each, and told its speed: measuring would take most of this script's time.
  start "worker-$number-$suffix" "${tls[@]}" -e MAGNETAR_ORCHESTRATOR="$grpc" -e MAGNETAR_TLS_CERT=/certificates/worker.pem \
    -e MAGNETAR_TLS_KEY=/certificates/worker.key -e MAGNETAR_ESTIMATE=30000 -e MAGNETAR_THREADS=1 \
    -e MAGNETAR_HTTP="127.0.0.1:$(free_port)" localhost/magnetar-worker
  healthy "worker-$number-$suffix" 60
done
[[ $(podman exec "worker-1-$suffix" id -u) == 10001 ]] || fail "the worker runs as another user than it should"
! podman exec "worker-1-$suffix" touch /usr/bin/x 2>/dev/null || fail "the root file system can be written"
! podman exec "worker-1-$suffix" sh -c 'command -v gcc || command -v cc' >/dev/null || fail "the image has a compiler"

# request NAME PROGRAM ARGUMENT...: what `magnetar request` prints, and its status.
request() {
  podman run --rm --name "$1-$suffix" "${confined[@]}" --tmpfs /tmp "${tls[@]}" localhost/magnetar-worker request \
    "/usr/share/magnetar/guest/prebuilt/$2" --orchestrator "$grpc" --json "${@:3}"
}
request first fibonacci.elf >"$run/first.json"
grep -q '"accepted":true' "$run/first.json" || fail "not accepted: $(cat "$run/first.json")"
for number in 1 2; do
  podman logs "worker-$number-$suffix" 2>&1 | grep -q '"message":"proof sent"' || fail "worker $number proved nothing"
done
say "a proof by both workers, verified: $(grep -o '"steps":[0-9]*\|"request_seconds":[0-9.]\{1,5\}' "$run/first.json" | tr '\n' ' ')"

# A longer one, during which one of the workers is stopped: the other one must end what was begun.
request second keccak256.elf --input-hex "$(head -c 3000 docs/protocol.md | od -An -v -tx1 | tr -d ' \n')" >"$run/second.json" &
asking=$!
until (($(podman logs "worker-2-$suffix" 2>&1 | grep -c '"message":"given work"') > 1)); do
  kill -0 $asking || fail "answered before both workers had work: $(cat "$run/second.json")"
  sleep 0.2
done
stop "worker-2-$suffix"
wait $asking || fail "the request failed: $(cat "$run/second.json")"
grep -q '"accepted":true' "$run/second.json" || fail "not accepted: $(cat "$run/second.json")"
say "a proof whose second worker was stopped, verified: $(grep -o '"steps":[0-9]*\|"request_seconds":[0-9.]\{1,5\}' "$run/second.json" | tr '\n' ' ')"

stop "worker-1-$suffix"
stop "orchestrator-$suffix"

if $compile; then
  # The sandbox needs to make user namespaces and to mount, which the default filter of system calls forbids, and a /proc
  # without masks.
  podman run --rm --read-only --cap-drop all --security-opt seccomp=unconfined --security-opt unmask=ALL --tmpfs /tmp \
    -v "$PWD/vm/guest/rust/programs:/programs:ro" localhost/magnetar-orchestrator-compile \
    compile --local --out /tmp/print.elf --json /programs/print.rs
  say "orchestrator-compile compiled a program"
fi
say "done"
