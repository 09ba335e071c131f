"""The network with the real engine: two workers share a job; what comes back verifies; a prover by hand sends a proof
that `magnetar prove` made, and one from a false state is refused."""

import subprocess
import unittest

from network import *

CACHE = os.environ["MAGNETAR_TEST_CACHE"]


class Engine(NetworkTest):
    def prove(self, out, *flags):
        subprocess.run([BINARY, "prove", GUESTS / "fibonacci.elf", "--out", out, "--params", "fit-16", "--cache", CACHE,
                        "--json", *flags], check=True, capture_output=True)
        return out.read_bytes()

    def engine_worker(self, address, name):
        process = Process(["worker", "--orchestrator", address, "--state", self.folder / name, "--estimate", 40000,
                           "--params", "fit-16", "--cache", CACHE], self.folder, name)
        self.processes.append(process)
        return process

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


if __name__ == "__main__":
    unittest.main()
