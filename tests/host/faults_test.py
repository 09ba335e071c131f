"""Processes that die, connections that break, provers that lie: every accepted request ends in a verified proof."""

import time
import unittest

from network import *


class Deaths(NetworkTest):
    def test_worker_goes_on_from_its_checkpoint(self):
        orchestrator = self.orchestrator(heartbeat_ms=1000)
        # 11 s of proving.
        worker = self.worker(orchestrator.address, hertz=2e4)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: any(p["fraction"] > 0.4 for p in orchestrator.status()["provers"]), "half of the proof")
        worker.kill()
        start = time.monotonic()
        again = self.worker(orchestrator.address, hertz=2e4, name="again")
        self.assert_accepted(self.answer(request))
        self.assertIn("going on from a checkpoint", again.log())
        # Not all of it again.
        self.assertLess(time.monotonic() - start, 10)

    def test_other_worker_takes_over(self):
        orchestrator = self.orchestrator()
        first = self.worker(orchestrator.address, hertz=2e4)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: orchestrator.status()["busy_provers"] == 1, "work")
        self.worker(orchestrator.address, hertz=2e6, name="other", state="other")
        first.kill()
        self.assert_accepted(self.answer(request))
        self.assertEqual(orchestrator.counter("provers_lost"), 1)

    def test_worker_stops_in_order(self):
        orchestrator = self.orchestrator()
        worker = self.worker(orchestrator.address, hertz=2e4)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: "given work" in worker.log(), "work")
        self.assertEqual(worker.end(seconds=20), 0)
        wait_for(lambda: orchestrator.status()["prover_count"] == 0, "its end to be known", seconds=10)
        self.worker(orchestrator.address, hertz=2e6, name="next")
        self.assert_accepted(self.answer(request))

    def test_orchestrator_restarts(self):
        orchestrator = self.orchestrator()
        worker = self.worker(orchestrator.address, hertz=1e5)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: "given work" in worker.log(), "work")
        orchestrator.kill()
        # The worker goes on meanwhile, and is done before there is an orchestrator again.
        wait_for(lambda: list(self.folder.glob("worker/prover-0/unsent/*")), "the unsent proof")
        again = self.orchestrator(listen=f"127.0.0.1:{orchestrator.port}", name="again")
        self.assert_accepted(self.answer(request))
        self.assertEqual(again.counter("proofs_accepted"), 1)

    def test_unsent_proof_survives_the_worker(self):
        orchestrator = self.orchestrator()
        worker = self.worker(orchestrator.address, hertz=2e5)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: "given work" in worker.log(), "work")
        orchestrator.kill()
        wait_for(lambda: list(self.folder.glob("worker/prover-0/unsent/*")), "the unsent proof")
        worker.kill()
        again = self.orchestrator(listen=f"127.0.0.1:{orchestrator.port}", name="again")
        # Far too slow to prove anything again.
        self.worker(orchestrator.address, hertz=1e3, name="next")
        self.assert_accepted(self.answer(request))
        self.assertEqual(again.counter("proofs_accepted"), 1)

    def test_orchestrator_killed_at_any_moment(self):
        orchestrator = self.orchestrator()
        port = orchestrator.port
        for name in ("one", "two"):
            self.worker(orchestrator.address, hertz=3e5, name=name, state=name)
        requests = [self.request(orchestrator.address, "--patience", "30s", data=b"%d" % (990 + i), start_only=True)
                    for i in range(4)]
        for round_ in range(4):
            time.sleep(0.15 + 0.2 * round_)
            orchestrator.kill()
            orchestrator = self.orchestrator(listen=f"127.0.0.1:{port}", name=f"orchestrator-{round_}")
        for request in requests:
            self.assert_accepted(self.answer(request), steps=None)


class Connections(NetworkTest):
    def test_cut(self):
        orchestrator = self.orchestrator()
        proxy = Proxy(orchestrator.port)
        self.addCleanup(proxy.close)
        worker = self.worker(proxy.address, hertz=1e5)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: orchestrator.status()["busy_provers"] == 1, "work")
        proxy.cut()
        self.assert_accepted(self.answer(request))
        self.assertIn("connecting again", worker.log())

    def test_half_open(self):
        orchestrator = self.orchestrator()
        proxy = Proxy(orchestrator.port)
        self.addCleanup(proxy.close)
        self.worker(proxy.address, hertz=1e4)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: orchestrator.status()["busy_provers"] == 1, "work")
        proxy.hold()
        start = time.monotonic()
        wait_for(lambda: orchestrator.status()["prover_count"] == 0, "the silence to be noticed")
        # Three heartbeat intervals of half a second, and what it takes to look.
        self.assertGreater(time.monotonic() - start, 1)
        self.assertLess(time.monotonic() - start, 10)
        self.worker(orchestrator.address, hertz=2e6, name="other", state="other")
        self.assert_accepted(self.answer(request))
        self.assertEqual(orchestrator.counter("provers_lost"), 1)

    def test_delayed(self):
        orchestrator = self.orchestrator(heartbeat_ms=1000)
        proxy = Proxy(orchestrator.port)
        self.addCleanup(proxy.close)
        self.worker(proxy.address, hertz=1e5)
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: orchestrator.status()["busy_provers"] == 1, "work")
        # Less than what makes a prover lost.
        proxy.hold()
        time.sleep(1.5)
        proxy.release()
        self.assert_accepted(self.answer(request))
        self.assertEqual(orchestrator.counter("provers_lost"), 0)
        self.assertEqual(orchestrator.counter("assignments"), 1)


class Liars(NetworkTest):
    def lie(self, proof, expected):
        """A prover by hand sends `proof`; an honest worker does the work in the end."""
        orchestrator = self.orchestrator()
        stub = orchestrator.stub()
        liar = Prover(stub, "liar")
        liar.beat_forever()
        call = stub.RequestProof.future(proof_request())
        liar.work()
        liar.send_proof(proof)
        code, message = liar.outcome()
        self.assertEqual(code, grpc.StatusCode.PERMISSION_DENIED)
        self.assertIn(expected, message)
        wait_for(lambda: orchestrator.counter("proofs_refused") == 1, "the refusal to be counted")
        code, message = Prover(stub, "liar").outcome()
        self.assertEqual(code, grpc.StatusCode.PERMISSION_DENIED)
        self.assertIn("quarantine", message)
        self.worker(orchestrator.address)
        self.assertGreater(len(call.result(30).proof.nova_bytes), 0)
        self.assertEqual(orchestrator.counter("proofs_accepted"), 1)

    def test_invalid(self):
        self.lie(fake_proof(self.folder, 0, FIBONACCI_STEPS, lie="seal"), "seal")

    def test_garbage(self):
        self.lie(b"\x00\x01 no proof", "")

    def test_false_state(self):
        self.lie(fake_proof(self.folder, 0, FIBONACCI_STEPS, lie="state"), "state")

    def useless(self, proof, orchestrator, data=b""):
        """A prover by hand sends a proof that it was not given to make, and nothing else: it is overtaken."""
        stub = orchestrator.stub()
        liar = Prover(stub, "liar")
        liar.beat_forever()
        call = stub.RequestProof.future(proof_request(data=data))
        liar.work()
        before = orchestrator.counter("proofs_accepted")
        liar.send_proof(proof)
        wait_for(lambda: orchestrator.counter("proofs_superseded") == 1, "the proof to be put aside")
        self.worker(orchestrator.address, name="next")
        self.assertNotEqual(call.result(30).proof.nova_bytes, proof)
        self.assertEqual(orchestrator.counter("proofs_accepted"), before + 1)
        self.assertEqual(orchestrator.counter("proofs_refused"), 0)
        self.assertFalse(liar.ended.is_set())

    def test_other_range(self):
        self.useless(fake_proof(self.folder, 5, 7), self.orchestrator("--straggler-grace", "300ms"))

    def test_proof_of_another_job(self):
        orchestrator = self.orchestrator("--straggler-grace", "300ms")
        honest = self.worker(orchestrator.address)
        orchestrator.stub().RequestProof(proof_request(), timeout=30)
        honest.end()
        self.useless(fake_proof(self.folder, 0, FIBONACCI_STEPS), orchestrator, data=b"another job")

    def test_worker_that_lies(self):
        orchestrator = self.orchestrator()
        self.worker(orchestrator.address, lie="seal", name="liar", state="liar")
        request = self.request(orchestrator.address, start_only=True)
        wait_for(lambda: orchestrator.counter("proofs_refused") == 1, "the refusal")
        self.worker(orchestrator.address, name="honest", state="honest")
        self.assert_accepted(self.answer(request))

    def test_slow_prover(self):
        orchestrator = self.orchestrator("--straggler-grace", "300ms")
        stub = orchestrator.stub()
        slow = Prover(stub, "slow", hertz=1e6)
        slow.beat_forever()
        call = stub.RequestProof.future(proof_request())
        slow.work()
        self.worker(orchestrator.address)
        self.assertGreater(len(call.result(30).proof.nova_bytes), 0)
        self.assertEqual(orchestrator.counter("straggler_assignments"), 1)
        # Its own proof comes too late, and does no harm.
        slow.send_proof(fake_proof(self.folder, 0, FIBONACCI_STEPS))
        wait_for(lambda: orchestrator.counter("proofs_superseded") == 1, "the late proof")
        self.assertFalse(slow.ended.is_set())


if __name__ == "__main__":
    main()
