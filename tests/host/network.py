"""Orchestrators, workers and clients for tests: processes of a binary that has the network's commands, and stock grpcio
over the stubs that protoc made of orchestrator.proto."""

import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

BINARY = os.environ["MAGNETAR_BINARY"]
sys.path[:0] = [os.environ["MAGNETAR_STUBS"], str(pathlib.Path(__file__).parents[1])]

import grpc
import orchestrator_pb2 as pb
import orchestrator_pb2_grpc as rpc
from test_program import main

GUESTS = pathlib.Path(__file__).parents[2] / "vm" / "guest" / "prebuilt"
FIBONACCI = (GUESTS / "fibonacci.elf").read_bytes()
# What fibonacci.elf takes without input; a number as input, in decimal, says which number it computes.
FIBONACCI_STEPS = 214
PROOF_LIMIT = 512 << 20


def wait_for(condition, what, seconds=30):
    """Waits until `condition()` gives something true, and gives that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def faulting_elf():
    """A program whose first instruction is none."""
    code = struct.pack("<I", 0)
    header = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack(
        "<HHIIIIIHHHHHH", 2, 243, 1, 0x10000, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    return header + struct.pack("<8I", 1, 84, 0x10000, 0x10000, len(code), len(code), 5, 4) + code


class Process:
    """A process of the binary; its standard error is kept."""

    def __init__(self, arguments, folder, name, environment=None):
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [BINARY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=self.log_file, text=True,
            env={**os.environ, **(environment or {})})

    def log(self):
        return self.log_path.read_text(errors="replace")

    def read_http(self):
        """Takes the line that says where --http is served."""
        self.http = self.process.stdout.readline().removeprefix("http on ").strip()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as answer:
            return answer.read().decode()

    def processor_seconds(self):
        """Processor time that the process has taken so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, how=signal.SIGTERM, seconds=30):
        """Ends the process, and gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(seconds)
        self.process.stdout.close()
        self.log_file.close()
        return status


class Orchestrator(Process):
    def __init__(self, folder, *flags, listen="127.0.0.1:0", http="127.0.0.1:0", name="orchestrator",
                 state="orchestrator"):
        self.folder = folder
        super().__init__(["orchestrator", "--listen", listen, "--http", http, "--state",
                          pathlib.Path(folder) / state, *flags], folder, name)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (\S+):(\d+)\n", line)
        if not found:
            raise AssertionError(f"no port in {line!r}; {self.log()}")
        self.port = int(found.group(2))
        self.address = f"{found.group(1)}:{self.port}"
        self.read_http()

    def status(self):
        return json.loads(self.get("/status.json"))

    def counter(self, name):
        return self.status()["counters"][name]

    def stub(self, credentials=None):
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", PROOF_LIMIT),
                   ("grpc.use_local_subchannel_pool", 1)]
        channel = (grpc.secure_channel(self.address, credentials, options) if credentials
                   else grpc.insecure_channel(self.address, options))
        return rpc.OrchestratorStub(channel)

    def peak_memory(self):
        """Bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) * 1024


class Worker(Process):
    def __init__(self, folder, address, *flags, hertz=1e6, name="worker", state="worker", lie="", proof_bytes=200,
                 devices="cpu"):
        environment = {"FAKE_HERTZ": str(hertz), "FAKE_PROOF_BYTES": str(proof_bytes),
                       "FAKE_DEVICES": devices}
        if lie:
            environment["FAKE_LIE"] = lie
        super().__init__(["worker", "--orchestrator", address, "--state", pathlib.Path(folder) / state, "--estimate",
                          int(hertz), "--reconnect-ms", 100, "--heartbeat-ms", 200, "--progress-ms", 100, *flags],
                         folder, name, environment)


class Prover:
    """A prover written by hand: what is put into it goes out, what comes in is in `received`."""

    def __init__(self, stub, prover_id=None, hertz=1e6, prover_type=pb.PROVER_TYPE_VOLUNTEER, metadata=None):
        self.outgoing = queue.Queue()
        self.received = queue.Queue()
        self.id = prover_id
        if prover_id is not None:
            self.put(registration=pb.ProverRequestRegistration(
                prover_type=prover_type, prover_id=prover_id, estimated_proof_cycles_hertz=hertz))
        self.call = stub.AddProver(iter(self.outgoing.get, None), metadata=metadata)
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(grpc.RpcError):
            for message in self.call:
                self.received.put(message.to_prove)
        self.ended.set()

    def put(self, **contents):
        self.outgoing.put(pb.ProverRequest(**contents))

    def heartbeat(self):
        self.put(heartbeat=pb.Heartbeat())

    def beat_forever(self, seconds=0.2):
        def beat():
            while not self.ended.wait(seconds):
                self.heartbeat()
        threading.Thread(target=beat, daemon=True).start()

    def work(self, seconds=30):
        return self.received.get(timeout=seconds)

    def send_proof(self, content):
        self.put(proof=pb.Proof(nova_bytes=content))

    def half_close(self):
        self.outgoing.put(None)

    def outcome(self, seconds=30):
        """How the stream ended: its status code, and the message."""
        if not self.ended.wait(seconds):
            raise AssertionError("the stream goes on")
        return self.call.code(), self.call.details()


def proof_request(elf=FIBONACCI, data=b"", first=None, count=None):
    request = pb.ProofRequest(input=pb.VMProgramInput(raw_bytes=data))
    if elf is not None:
        request.program.rv32i_elf_bytes = elf
    if first is not None:
        request.step_to_start = first
    if count is not None:
        request.steps_to_prove = count
    return request


def fake_proof(folder, first, count, lie=""):
    """A proof of the fake proof system, of fibonacci.elf with empty input."""
    out = pathlib.Path(folder) / "proof.json"
    subprocess.run([BINARY, "prove", GUESTS / "fibonacci.elf", str(first), str(count), out], check=True,
                   env={**os.environ, "FAKE_HERTZ": "1e9", **({"FAKE_LIE": lie} if lie else {})})
    return out.read_bytes()


class Proxy:
    """Forwards connections, until told to let nothing through (hold) or to cut them."""

    def __init__(self, port):
        self.target = port
        self.held = threading.Event()
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.held.is_set():
                self.sockets.append(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.sockets += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.held.is_set():
                    time.sleep(0.01)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def hold(self):
        self.held.set()

    def cut(self):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.sockets.clear()

    def release(self):
        self.held.clear()

    def close(self):
        self.listener.close()
        self.cut()


class NetworkTest(unittest.TestCase):
    """Ends all processes, and shows their logs where a test fails."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.processes = []

    def tearDown(self):
        for process in reversed(self.processes):
            process.kill()
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name} of {self.id()}\n{log.read_text(errors='replace')[-6000:]}", file=sys.stderr)
        self.temporary.cleanup()

    def orchestrator(self, *flags, heartbeat_ms=500, **more):
        self.processes.append(Orchestrator(self.folder, "--heartbeat-ms", heartbeat_ms, *flags, **more))
        return self.processes[-1]

    def worker(self, address, *flags, **more):
        self.processes.append(Worker(self.folder, address, *flags, **more))
        return self.processes[-1]

    def request(self, address, *flags, data=b"", start_only=False):
        """`request` of fibonacci.elf: the command's exit status and its JSON object."""
        command = [BINARY, "request", str(GUESTS / "fibonacci.elf"), "--orchestrator", address, "--json",
                   "--input-hex", data.hex(), *map(str, flags)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if start_only:
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            return process
        return self.answer(process)

    def answer(self, process, seconds=60):
        output, errors = process.communicate(timeout=seconds)
        try:
            return process.returncode, json.loads(output)
        except ValueError:
            raise AssertionError(f"no JSON object on stdout; exit status {process.returncode}, stderr: {errors}")

    def assert_accepted(self, answer, steps=FIBONACCI_STEPS):
        status, result = answer
        self.assertEqual(status, 0, result)
        self.assertTrue(result["accepted"], result)
        if steps is not None:
            self.assertEqual(result["steps"], steps)

    def assert_refused(self, code, pattern, call, *arguments, **more):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **more)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertRegex(caught.exception.details(), pattern)
