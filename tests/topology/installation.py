"""A whole installation on this machine, without containers: PostgreSQL, orchestrators that share it, workers, Prometheus.

Every part can be killed and started again at the same address, with the same state."""

import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "host"))
import network
from network import BINARY, GUESTS, wait_for

CACHE = os.environ["MAGNETAR_TEST_CACHE"]
HEARTBEAT_MS = 2000
PR_SET_PDEATHSIG = 1


def free_port():
    """One that stays free while its server is away: not of those that the system gives to connections."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def postgres_programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def missing(prometheus=True):
    """Why there can be no installation, or None."""
    if postgres_programs() is None:
        return "PostgreSQL's server is not installed (scripts/setup.sh)"
    if prometheus and not shutil.which("prometheus"):
        return "Prometheus is not installed (Debian: prometheus)"
    return None


class Postgres:
    """A private server, on a Unix socket; as user postgres where we are root, which the server refuses to be."""

    name = "PostgreSQL"

    def __init__(self):
        self.programs = postgres_programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="magnetar-postgres-"))
        self.user = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.log_path = self.folder / "log"
        subprocess.run([self.programs / "initdb", "-D", self.folder / "data", "-U", "magnetar", "-A", "trust", "-E", "UTF8",
                        "--locale=C", "--no-sync"], check=True, capture_output=True, **self.user, cwd=self.folder)
        self.process = None
        self.start()
        self.query("CREATE DATABASE magnetar", database="postgres")
        self.address = f"postgresql:///magnetar?host={self.folder}&user=magnetar"

    def start(self):
        # Backends of a server that was killed hold its shared memory until they notice.
        end = time.monotonic() + 30
        while True:
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(
                    [self.programs / "postgres", "-D", self.folder / "data", "-c", "listen_addresses=", "-c",
                     f"unix_socket_directories={self.folder}", "-c", "fsync=off"],
                    stdout=log, stderr=log, preexec_fn=die_with_parent, cwd=self.folder, **self.user)
            while self.process.poll() is None:
                with contextlib.suppress(subprocess.CalledProcessError):
                    self.query("SELECT 1", database="postgres")
                    return
                time.sleep(0.05)
            if time.monotonic() > end:
                raise AssertionError(f"PostgreSQL does not start: {self.log_path.read_text()[-3000:]}")
            time.sleep(0.2)

    def query(self, sql, database="magnetar"):
        """Rows of texts."""
        done = subprocess.run([self.programs / "psql", "-h", self.folder, "-U", "magnetar", "-d", database, "-X", "-A", "-t",
                               "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql], check=True, capture_output=True, text=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def count(self, table):
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        # At once, but not killed: that would leave shared memory behind.
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


class Orchestrator:
    """network.Orchestrator, at ports that stay."""

    def __init__(self, folder, name, store, *flags):
        self.folder, self.name, self.store, self.flags = folder, name, store, flags
        self.listen = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.start()

    def start(self):
        self.process = network.Orchestrator(
            self.folder, "--store", self.store, "--cache", CACHE, "--heartbeat-ms", HEARTBEAT_MS, *self.flags,
            listen=self.listen, http=self.http, name=self.name, state=self.name)
        self.address = self.process.address

    def kill(self):
        self.process.kill()

    close = kill

    def status(self):
        return self.process.status()

    def metrics(self):
        return self.process.get("/metrics")


class Worker:
    """A real one, with small parameters."""

    def __init__(self, folder, name, address, *flags):
        self.folder, self.name, self.address, self.flags = folder, name, address, flags
        self.start()

    def start(self):
        self.process = network.Process(
            ["worker", "--orchestrator", self.address, "--state", self.folder / self.name, "--estimate", 20000, "--params",
             "fit-16", "--cache", CACHE, "--threads", 1, "--heartbeat-ms", HEARTBEAT_MS // 4, "--progress-ms", 200,
             "--reconnect-ms", 100, *self.flags], self.folder, self.name)
        if not hasattr(self, "id"):
            found = wait_for(lambda: re.search(r"prover[=:\"]+\s*\"?([0-9A-Za-z_.-]+)", self.process.log()), "the id")
            self.id = found.group(1)

    def kill(self):
        self.process.kill()

    close = kill


class Prometheus:
    """Scrapes the orchestrators every second, under the job's name that docker/prometheus.yml has, with its rules."""

    name = "Prometheus"

    def __init__(self, folder, targets):
        self.folder = folder / "prometheus"
        self.folder.mkdir()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log_path = folder / "prometheus.log"
        job = re.search(r"job_name: (\S+)", (ROOT / "docker" / "prometheus.yml").read_text()).group(1)
        self.rules = [ROOT / "docker" / "alerts.yml"]
        lines = ["global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}",
                 f"rule_files: {json.dumps([str(path) for path in self.rules])}",
                 "scrape_configs:", f"  - job_name: {job}", "    static_configs:",
                 f"      - targets: {json.dumps(targets)}"]
        (self.folder / "prometheus.yml").write_text("\n".join(lines) + "\n")
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address={self.address}", "--log.level=warn"], stdout=log, stderr=log,
                preexec_fn=die_with_parent)

        def ready():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).status == 200
        wait_for(ready, "Prometheus")

    def api(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"Prometheus refuses {parameters or path}: {error.read().decode()}") from None

    def query(self, expression):
        """Values by labels, of an instant."""
        found = self.api("query", query=expression)
        if found["resultType"] == "scalar":
            return {"": float(found["result"][1])}
        return {json.dumps(each["metric"], sort_keys=True): float(each["value"][1]) for each in found["result"]}

    def value(self, expression):
        """The only one, or None."""
        found = self.query(expression)
        if len(found) > 1:
            raise AssertionError(f"{expression} has {len(found)} values")
        return next(iter(found.values()), None)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()


class Installation:
    def __init__(self, folder, workers=(0, 0, 1), prometheus=True, flags=()):
        """`workers`: to which orchestrator each one connects."""
        self.folder = folder
        self.parts = []
        try:
            self.postgres = self.add(Postgres())
            self.orchestrators = [self.add(Orchestrator(folder, f"orchestrator-{i}", self.postgres.address, *flags))
                                  for i in range(2)]
            self.workers = [self.add(Worker(folder, f"worker-{i}", self.orchestrators[orchestrator].address))
                            for i, orchestrator in enumerate(workers)]
            self.prometheus = None
            if prometheus:
                self.prometheus = self.add(Prometheus(folder, [each.http for each in self.orchestrators]))
            wait_for(lambda: self.connected() == len(workers), "all workers to be connected", seconds=60)
        except BaseException:
            self.close()
            raise

    def add(self, part):
        self.parts.append(part)
        return part

    def close(self):
        for part in reversed(self.parts):
            part.close()

    def provers(self):
        """What the orchestrators that can be asked say of theirs."""
        found = []
        for orchestrator in self.orchestrators:
            with contextlib.suppress(OSError):
                found += orchestrator.status()["provers"]
        return found

    def connected(self):
        return len(self.provers())

    def idle(self):
        return all(prover["segment"] is None for prover in self.provers())


class Request:
    """`magnetar request` as a process."""

    def __init__(self, orchestrator, guest, data, *flags, patience="60s"):
        self.what = f"{guest} of {data[:12]!r}"
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [BINARY, "request", str(GUESTS / f"{guest}.elf"), "--orchestrator", orchestrator.address, "--cache", CACHE,
             "--json", "--input-hex", data.hex(), "--patience", patience, *map(str, flags)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def verified(self, seconds=120):
        """The JSON object of a proof that was verified; `took` has the seconds since the start."""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.what}: no answer within {seconds} s") from None
        self.took = time.monotonic() - self.started
        if self.process.returncode != 0 or not json.loads(output)["accepted"]:
            raise AssertionError(f"{self.what}: exit status {self.process.returncode}: {output} {errors}")
        return json.loads(output)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
