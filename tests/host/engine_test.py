"""The network with the real engine: two workers share a job; what comes back verifies; a prover by hand sends a proof
that `magnetar prove` made, and one from a false state is refused;
two workers of one thread each take about as long as one of two threads."""

import subprocess
import unittest

from network import *

CACHE = os.environ["MAGNETAR_TEST_CACHE"]


class EngineTest(NetworkTest):
    def engine_worker(self, address, name, *flags):
        process = Process(["worker", "--orchestrator", address, "--state", self.folder / name, "--estimate", 40000,
                           "--params", "fit-16", "--cache", CACHE, *flags], self.folder, name)
        self.processes.append(process)
        return process


class Engine(EngineTest):
    def prove(self, out, *flags):
        subprocess.run([BINARY, "prove", GUESTS / "fibonacci.elf", "--out", out, "--params", "fit-16", "--cache", CACHE,
                        "--json", *flags], check=True, capture_output=True)
        return out.read_bytes()

    def test_two_workers(self):
        orchestrator = self.orchestrator("--cache", CACHE, heartbeat_ms=10_000)
        for name in ("one", "two"):
            self.engine_worker(orchestrator.address, name)
        wait_for(lambda: orchestrator.status()["prover_count"] == 2, "two provers")
        out = self.folder / "bundle.proof"
        answer = self.answer(self.request(orchestrator.address, "--cache", CACHE, "--out", out, start_only=True), 300)
        self.assert_accepted(answer)
        self.assertEqual(orchestrator.counter("proofs_accepted"), 2)
        verified = subprocess.run([BINARY, "verify", out, "--elf", GUESTS / "fibonacci.elf", "--cache", CACHE, "--json"],
                                  capture_output=True)
        self.assertEqual(verified.returncode, 0)
        result = json.loads(verified.stdout)
        self.assertEqual((result["segments"], result["complete"]), (2, True))
        self.assertEqual(result["output_hex"], answer[1]["output_hex"])

    def test_prover_by_hand(self):
        # A job of a few steps, so that it takes seconds.
        proof = self.prove(self.folder / "made.proof", "--steps", "10:4")
        flipped = bytearray(proof)
        flipped[len(proof) // 2] ^= 1
        orchestrator = self.orchestrator("--cache", CACHE, heartbeat_ms=10_000)
        stub = orchestrator.stub()
        liar = Prover(stub, "liar")
        call = stub.RequestProof.future(proof_request(first=10, count=4))
        liar.work()
        liar.send_proof(bytes(flipped))
        self.assertEqual(liar.outcome(60)[0], grpc.StatusCode.PERMISSION_DENIED)
        honest = Prover(stub, "honest")
        work = honest.work()
        self.assertEqual((work.step_to_start, work.steps_to_prove), (10, 4))
        honest.send_proof(proof)
        self.assertEqual(call.result(60).proof.nova_bytes, proof)
        self.assertEqual(orchestrator.counter("proofs_refused"), 1)


class Sharing(EngineTest):
    """What it costs to split a job: the same threads in two processes, each with a segment of its own."""

    # Rounds in turns, of which the best counts. The bounds leave room for what else the machine does; 1.15 is the aim.
    ROUNDS = 2
    RATIO = 1.5
    PROCESSOR_RATIO = 1.3
    # Some 370,000 cycles of sha256.elf.
    INPUT = b"a" * 4000

    def test_one_job_on_two_cores(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one core only: two workers cannot be compared with one")
        self.elf = (GUESTS / "sha256.elf").read_bytes()
        one, two = [], []
        for number in range(self.ROUNDS):
            one.append(self.measure(f"one-{number}", workers=1, threads=2))
            two.append(self.measure(f"two-{number}", workers=2, threads=1))
        for what, times in (("one worker of two threads", one), ("two workers of one thread", two)):
            print(f"{what}:", ", ".join(f"{all_in:.2f} s, {cpu:.2f} s of processor" for all_in, cpu in times))
        seconds_ratio, processor_ratio = (min(b) / min(a) for a, b in zip(zip(*one), zip(*two)))
        print(f"two to one: {seconds_ratio:.2f}; in processor time {processor_ratio:.2f}")
        self.assertLess(seconds_ratio, self.RATIO)
        self.assertLess(processor_ratio, self.PROCESSOR_RATIO)

    def measure(self, name, workers, threads):
        """Seconds from the request to its reply, and processor time of the workers, which have proved before."""
        orchestrator = self.orchestrator("--cache", CACHE, heartbeat_ms=10_000, name=name, state=name)
        processes = [self.engine_worker(orchestrator.address, f"{name}-{i}", "--threads", threads)
                     for i in range(workers)]
        wait_for(lambda: orchestrator.status()["prover_count"] == workers, "the workers")
        stub = orchestrator.stub()
        for call in [stub.RequestProof.future(proof_request(data=b"%d" % (200 + i), count=4)) for i in range(workers)]:
            call.result(120)
        processor = sum(map(Process.processor_seconds, processes))
        start = time.monotonic()
        stub.RequestProof(proof_request(self.elf, self.INPUT), timeout=300)
        spent = time.monotonic() - start
        processor = sum(map(Process.processor_seconds, processes)) - processor
        self.assertEqual(orchestrator.counter("proofs_accepted"), 2 * workers)
        for process in [*processes, orchestrator]:
            process.end()
        return spent, processor


if __name__ == "__main__":
    main()
