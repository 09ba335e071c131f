#!/usr/bin/env python3
"""Random work for a whole installation, with restarts and bad clients: soak.py [--minutes M] [--seed N]

Random programs, inputs and ranges are asked for through two orchestrators on one PostgreSQL, while workers, one of the
orchestrators and PostgreSQL are killed or stopped and started again, and bad clients send what they can think of. Every
request must end in the right proof, the orchestrator that is never restarted must not grow, and in the end, when all
results have expired, the store must be empty. Exit status 77: something is not installed.
"""

import argparse
import collections
import random
import statistics
import tempfile
import threading

from installation import *
import grpc
import orchestrator_pb2 as pb
from network import FIBONACCI, Prover, faulting_elf, proof_request, rpc

SKIPPED = 77
RESULT_TTL = 20
MAX_MESSAGE = 24 << 20
FLAGS = ["--result-ttl", f"{RESULT_TTL}s", "--unused-ttl", f"{RESULT_TTL}s", "--quarantine", "5s", "--straggler-grace", "20s",
         "--max-message-bytes", MAX_MESSAGE, "--drain", "2s"]
# Part of the time after which nothing may grow any more.
WARM_UP = 0.3
# What memory may do all the same. Messages, proofs in hand and the allocator's pools make peaks at any time: so much is no
# growth, whenever it comes.
MORE_MEMORY = 1.25
ENOUGH_MEMORY = 400 << 20
MORE_FILES = 20
TABLES = ("jobs", "segments", "leases", "provers", "orchestrators", "blobs", "blob_chunks")
BAD_IDS = 8


class Soak:
    def __init__(self, folder, minutes, seed):
        self.folder = folder
        self.seconds = 60 * minutes
        self.seed = seed
        self.counts = collections.Counter()
        self.latencies = []
        self.samples = []
        self.failures = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.installation = Installation(folder, prometheus=False, flags=FLAGS)
        # The one that is never restarted.
        self.steady = self.installation.orchestrators[0]

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def fail(self, what):
        with self.lock:
            self.failures.append(what)
        self.stopping.set()

    def guarded(self, loop, *arguments):
        try:
            loop(*arguments)
        except Exception as error:
            self.fail(f"{loop.__name__}: {type(error).__name__}: {error}")

    # --- Requesters

    @staticmethod
    def random_work(chance):
        guest = chance.choice(["fibonacci", "fibonacci", "sha256", "keccak256", "wordcount", "quicksort", "matrix"])
        data = {"fibonacci": lambda: b"%d" % chance.randrange(500), "sha256": lambda: chance.randbytes(chance.randrange(300)),
                "keccak256": lambda: chance.randbytes(chance.randrange(100)),
                "wordcount": lambda: b"one two  three\n" * chance.randrange(20),
                "quicksort": lambda: b"%d" % chance.randrange(1, 100), "matrix": lambda: b"%d" % chance.randrange(1, 7)}
        return guest, data[guest]()

    def requester(self, number):
        chance = random.Random(self.seed * 100 + number)
        while not self.stopping.is_set():
            guest, data = self.random_work(chance)
            ran = json.loads(subprocess.run([BINARY, "run", "--json", GUESTS / f"{guest}.elf", "--input-hex", data.hex()],
                                            capture_output=True).stdout)
            flags, first, steps = [], 0, ran["steps"]
            if ran["steps"] > 3 and chance.random() < 0.4:
                first = chance.randrange(ran["steps"] - 1)
                steps = min(chance.randrange(1, 40), ran["steps"] - first)
                flags = ["--steps", f"{first}:{steps}"]
            through = chance.sample(self.installation.orchestrators, 2 if chance.random() < 0.2 else 1)
            requests = [Request(each, guest, data, *flags, patience="120s") for each in through]
            for request in requests:
                proof = request.verified(300)
                # From the beginning on nothing is assumed.
                expected = (first, steps, first == 0)
                if (proof["first_step"], proof["steps"], proof["complete"]) != expected:
                    raise AssertionError(f"{request.what} {flags}: {proof}, expected {expected}")
                if (first, steps) == (0, ran["steps"]) and proof["output_hex"] != ran["output_hex"]:
                    raise AssertionError(f"{request.what}: output {proof['output_hex']}, expected {ran['output_hex']}")
                self.count("requests that ended in a verified proof")
                with self.lock:
                    self.latencies.append(request.took)
            self.stopping.wait(chance.uniform(0, 1))

    # --- Bad clients

    def stub(self, chance):
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1),
                   ("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(chance.choice(self.installation.orchestrators).address, options)
        return channel, rpc.OrchestratorStub(channel)

    def bad_client(self, number):
        chance = random.Random(self.seed * 100 + 50 + number)
        half_open = collections.deque()
        tricks = [self.garbage, self.half_open, self.oversized, self.wrong_first_message, self.duplicate_id,
                  self.invalid_proof, self.silent_prover, self.cancelled_request, self.refused_request]
        while not self.stopping.is_set():
            trick = chance.choice(tricks)
            if trick == self.half_open:
                trick(chance, half_open)
            else:
                channel, stub = self.stub(chance)
                trick(chance, stub)
                channel.close()
            self.count(f"bad clients: {trick.__name__}")
            self.stopping.wait(chance.uniform(0, 1))
        for one in half_open:
            one.close()

    def connect(self, chance):
        host, port = chance.choice(self.installation.orchestrators).address.split(":")
        return socket.create_connection((host, int(port)), timeout=2)

    def garbage(self, chance, _stub):
        with contextlib.suppress(OSError), self.connect(chance) as one:
            one.settimeout(0.5)
            one.sendall(chance.choice([b"GET / HTTP/1.1\r\n\r\n", chance.randbytes(4096), b"\x16\x03\x01" + chance.randbytes(99),
                                       b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(999)]))
            one.recv(65536)

    def half_open(self, chance, kept):
        with contextlib.suppress(OSError):
            one = self.connect(chance)
            one.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[:chance.randrange(25)])
            kept.append(one)
        if len(kept) > 20:
            kept.popleft().close()

    def expect(self, what, outcome, *codes):
        """A restart may always come first."""
        code, message = outcome
        if code not in (*codes, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise AssertionError(f"{what}: {code}, {message}; expected {codes}")

    def call(self, call, request):
        try:
            call(request, timeout=20)
            return grpc.StatusCode.OK, ""
        except grpc.RpcError as error:
            return error.code(), error.details()

    def oversized(self, chance, stub):
        request = proof_request(data=bytes(MAX_MESSAGE + 1000))
        if chance.random() < 0.5:
            self.expect("an oversized request", self.call(stub.RequestProof, request), grpc.StatusCode.RESOURCE_EXHAUSTED)
        else:
            prover = Prover(stub, f"bad-{chance.randrange(BAD_IDS)}")
            prover.send_proof(bytes(MAX_MESSAGE + 1000))
            self.expect("an oversized proof", prover.outcome(60), grpc.StatusCode.RESOURCE_EXHAUSTED,
                        grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.ALREADY_EXISTS)

    def wrong_first_message(self, chance, stub):
        prover = Prover(stub)
        prover.put(**chance.choice([{"heartbeat": pb.Heartbeat()}, {"proof": pb.Proof(nova_bytes=b"x")}, {},
                                    {"progress": pb.Progress(steps_proven=1)}]))
        self.expect("a wrong first message", prover.outcome(60), grpc.StatusCode.INVALID_ARGUMENT)

    def duplicate_id(self, chance, stub):
        """A worker's id: it is connected, or just away, and the impostor then has its place for a moment."""
        prover = Prover(stub, chance.choice(self.installation.workers).id)
        prover.ended.wait(2)
        prover.half_close()
        if prover.ended.wait(20):
            self.expect("a duplicate id", prover.outcome(), grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.OK)
        prover.call.cancel()

    def invalid_proof(self, chance, stub):
        prover = Prover(stub, f"bad-{chance.randrange(BAD_IDS)}")
        # What work it may have been given is another one's after that.
        proof = self.some_proof and bytearray(self.some_proof)
        if proof and chance.random() < 0.5:
            proof[chance.randrange(len(proof))] ^= 1 << chance.randrange(8)
        else:
            proof = chance.randbytes(chance.randrange(1000))
            self.count("of these, no proof at all")
        prover.send_proof(bytes(proof))
        prover.ended.wait(5)
        prover.half_close()
        if prover.ended.wait(20):
            self.expect("an invalid proof", prover.outcome(), grpc.StatusCode.PERMISSION_DENIED,
                        grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED)
        prover.call.cancel()

    def silent_prover(self, chance, stub):
        """It takes work, and is never heard of again."""
        prover = Prover(stub, f"bad-{chance.randrange(BAD_IDS)}")
        self.stopping.wait(chance.uniform(0, 10))
        prover.call.cancel()

    def cancelled_request(self, chance, stub):
        call = stub.RequestProof.future(proof_request(data=b"%d" % chance.randrange(40)))
        self.stopping.wait(chance.uniform(0, 0.3))
        call.cancel()

    def refused_request(self, chance, stub):
        request, code = chance.choice([
            (proof_request(elf=chance.randbytes(500)), grpc.StatusCode.INVALID_ARGUMENT),
            (proof_request(elf=None), grpc.StatusCode.INVALID_ARGUMENT),
            (proof_request(first=-1), grpc.StatusCode.INVALID_ARGUMENT),
            (proof_request(data=b"30", first=1000), grpc.StatusCode.INVALID_ARGUMENT),
            (proof_request(elf=faulting_elf(), data=chance.randbytes(2)), grpc.StatusCode.FAILED_PRECONDITION)])
        # Jobs that cannot be executed are looked at in their turn.
        self.expect("a request that cannot be", self.call(stub.RequestProof, request), code,
                    grpc.StatusCode.DEADLINE_EXCEEDED)

    # --- Restarts, and what is measured

    def restart(self, chance):
        victim = chance.choice([*self.installation.workers, *self.installation.workers, self.installation.orchestrators[1],
                                self.installation.orchestrators[1], self.installation.postgres])
        gently = victim != self.installation.postgres and chance.random() < 0.3
        if gently:
            status = victim.process.end(seconds=60)
            if status != 0:
                raise AssertionError(f"{victim.name} ends with status {status} after SIGTERM")
        else:
            victim.kill()
        self.count(f"{victim.name} {'stopped' if gently else 'killed'}")
        self.stopping.wait(chance.uniform(0, 3))
        victim.start()

    def sample(self):
        for part in self.installation.parts:
            process = getattr(part.process, "process", part.process)
            if process.poll() is not None:
                raise AssertionError(f"{part.name} has ended by itself, with status {process.returncode}")
        pid = self.steady.process.process.pid
        resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
        rows = dict(self.installation.postgres.query(
            " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in TABLES)))
        self.samples.append({"at": time.monotonic() - self.began, "resident": resident,
                             "files": len(os.listdir(f"/proc/{pid}/fd")), **{table: int(rows[table]) for table in TABLES}})
        return self.samples[-1]

    def run(self):
        self.began = time.monotonic()
        first = self.sample()
        out = self.folder / "some.proof"
        Request(self.steady, "fibonacci", b"250", "--out", out).verified()
        self.some_proof = out.read_bytes()
        threads = [threading.Thread(target=self.guarded, args=(loop, number), daemon=True)
                   for loop, number in [(self.requester, i) for i in range(3)] + [(self.bad_client, i) for i in range(2)]]
        for thread in threads:
            thread.start()
        chance = random.Random(self.seed)
        next_restart = next_report = 0
        try:
            while not self.stopping.is_set() and (now := time.monotonic() - self.began) < self.seconds:
                if now >= next_restart:
                    self.restart(chance)
                    next_restart = time.monotonic() - self.began + chance.uniform(3, 12)
                sample = self.sample()
                if now >= next_report:
                    next_report = now + 60
                    print(f"{now:7.0f} s: {self.counts['requests that ended in a verified proof']} proofs, resident "
                          f"{sample['resident'] >> 20} MiB, {sample['files']} files, rows "
                          f"{ {table: sample[table] for table in TABLES} }", flush=True)
                self.stopping.wait(2)
        except Exception as error:
            self.fail(f"{type(error).__name__}: {error}")
        self.stopping.set()
        end = time.monotonic() + 300
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))
            if thread.is_alive():
                self.fail(f"{thread.name} does not end")
        if not self.failures:
            try:
                self.check_end(first)
            except Exception as error:
                self.fail(f"{type(error).__name__}: {error}")
        return not self.failures

    def check_end(self, first):
        everything = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM blobs)"
        # Open jobs first: those that nobody waits for are done too.
        wait_for(lambda: self.installation.postgres.query("SELECT count(*) FROM jobs WHERE state < 4") == [["0"]],
                 "an end of all jobs", seconds=180)
        wait_for(lambda: self.installation.postgres.query(everything) == [["0"]], "an empty store", seconds=6 * RESULT_TTL)
        wait_for(lambda: self.steady.status()["waiting_requests"] == 0 and self.steady.status()["pending_bytes"] == 0,
                 "no request or byte in hand")
        last = self.sample()
        print(f"in the end: resident {last['resident'] >> 20} MiB, {last['files']} files, rows "
              f"{ {table: last[table] for table in TABLES} }")
        refused = {row[0] for row in self.installation.postgres.query("SELECT id FROM provers WHERE refused > 0")}
        if honest := refused & {worker.id for worker in self.installation.workers}:
            raise AssertionError(f"honest workers were put in quarantine: {honest}")
        # A changed proof may be of work that the client was not given, and is put aside. Other bytes are a lie, if its id is
        # not connected elsewhere.
        if self.counts["of these, no proof at all"] > 7 and not refused:
            raise AssertionError("no bad client was put in quarantine")
        if last["provers"] > len(self.installation.workers) + BAD_IDS:
            raise AssertionError(f"{last['provers']} provers in the store")
        if last["files"] > first["files"] + MORE_FILES:
            raise AssertionError(f"{last['files']} open files, {first['files']} at first")
        warm = [each for each in self.samples if each["at"] < WARM_UP * self.seconds]
        later = [each for each in self.samples if WARM_UP * self.seconds <= each["at"] < self.seconds]
        bound = max(ENOUGH_MEMORY, MORE_MEMORY * max(each["resident"] for each in warm))
        late = statistics.median(each["resident"] for each in later[len(later) // 2:])
        print(f"resident: {max(each['resident'] for each in warm) >> 20} MiB at most while warming up, "
              f"{int(late) >> 20} MiB as the median of the second half, bound {int(bound) >> 20} MiB")
        if late > bound:
            raise AssertionError("the orchestrator's memory grows")

    def report(self):
        for what, number in sorted(self.counts.items()):
            print(f"{number:7} {what}")
        if self.latencies:
            self.latencies.sort()
            print(f"seconds to a proof: median {statistics.median(self.latencies):.1f}, 95 % "
                  f"{self.latencies[len(self.latencies) * 95 // 100]:.1f}, longest {self.latencies[-1]:.1f}")
        # What went wrong by the orchestrators' own account: with PostgreSQL away, and proofs that were none.
        errors = collections.Counter()
        for log in self.folder.glob("orchestrator-*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if " error " in line:
                    errors[re.sub(r"\d+", "N", line.split(" error ", 1)[1])[:110]] += 1
        for line, number in errors.most_common(12):
            print(f"{number:7} in the log: {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    arguments = parser.parse_args()
    if reason := missing(prometheus=False):
        print(f"skipped: {reason}")
        return SKIPPED
    print(f"{arguments.minutes} minutes, seed {arguments.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="magnetar-soak-"))
    soak = Soak(folder, arguments.minutes, arguments.seed)
    try:
        passed = soak.run()
        soak.report()
    finally:
        soak.installation.close()
    if passed:
        shutil.rmtree(folder)
        return 0
    for failure in soak.failures:
        print(f"FAIL: {failure}")
    print(f"logs are in {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
