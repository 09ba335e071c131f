"""Requests, and every status code that a requester or a prover can be given."""

import subprocess
import threading
import time
import unittest

from network import *


class Requests(NetworkTest):
    def test_two_workers_share_one_job(self):
        orchestrator = self.orchestrator()
        for name in ("first", "second"):
            self.worker(orchestrator.address, name=name, state="shared", hertz=2e5)
        wait_for(lambda: orchestrator.status()["prover_count"] == 2, "two provers")
        ids = {prover["id"] for prover in orchestrator.status()["provers"]}
        self.assertEqual(len(ids), 2)
        self.assert_accepted(self.request(orchestrator.address))
        self.assertEqual(orchestrator.counter("proofs_accepted"), 2)
        for process in self.processes[1:]:
            self.assertIn("proof sent", process.log())

    def test_equal_requests_share_a_job_and_the_result_stays(self):
        orchestrator = self.orchestrator()
        stub = orchestrator.stub()
        first, second = (stub.RequestProof.future(proof_request()) for _ in range(2))
        wait_for(lambda: orchestrator.status()["waiting_requests"] == 2, "both wait")
        worker = self.worker(orchestrator.address)
        proof = first.result(30).proof.nova_bytes
        self.assertEqual(second.result(30).proof.nova_bytes, proof)
        self.assertEqual(orchestrator.counter("assignments"), 1)
        worker.end()
        self.assertEqual(stub.RequestProof(proof_request(), timeout=10).proof.nova_bytes, proof)
        self.assertEqual(orchestrator.counter("requests_shared"), 2)

    def test_ranges(self):
        orchestrator = self.orchestrator()
        self.worker(orchestrator.address)
        status, result = self.request(orchestrator.address, "--steps", "100:7")
        self.assertEqual((status, result["accepted"], result["complete"]), (0, True, False))
        self.assertEqual((result["first_step"], result["steps"]), (100, 7))
        self.assert_accepted(self.request(orchestrator.address, "--steps", "200:"), steps=14)
        stub = orchestrator.stub()
        none = stub.RequestProof(proof_request(count=0), timeout=10)
        self.assertFalse(none.HasField("proof"))
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "step", stub.RequestProof,
                            proof_request(first=FIBONACCI_STEPS + 1), timeout=10)
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "step", stub.RequestProof,
                            proof_request(first=100, count=115), timeout=10)

    def test_what_cannot_be_proved(self):
        orchestrator = self.orchestrator("--max-elf-bytes", 5000, "--max-cycles", 1_000_000)
        stub = orchestrator.stub()
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        self.assert_refused(invalid, "no program", stub.RequestProof, proof_request(elf=None), timeout=10)
        self.assert_refused(invalid, "ELF", stub.RequestProof, proof_request(elf=b"not one"), timeout=10)
        self.assert_refused(invalid, "step_to_start is -1", stub.RequestProof, proof_request(first=-1), timeout=10)
        self.assert_refused(invalid, "steps_to_prove is -5", stub.RequestProof, proof_request(count=-5), timeout=10)
        self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, "0x00010000.*00000000|illegal", stub.RequestProof,
                            proof_request(elf=faulting_elf()), timeout=10)
        self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "5000", stub.RequestProof,
                            proof_request(elf=FIBONACCI + bytes(5000)), timeout=10)
        counts = {(row["rpc"], row["status"]): row["count"] for row in orchestrator.status()["calls"]}
        self.assertEqual(counts[("RequestProof", "INVALID_ARGUMENT")], 4)
        self.assertEqual(orchestrator.counter("jobs_done"), 0)

    def test_limits(self):
        orchestrator = self.orchestrator("--max-cycles", 100_000, "--max-jobs", 2, "--max-requests-per-client", 3,
                                         "--max-message-bytes", 100_000)
        stub = orchestrator.stub()
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        self.assert_refused(exhausted, "cycle|100,?000", stub.RequestProof, proof_request(), timeout=10)
        self.assert_refused(exhausted, "larger than max", stub.RequestProof, proof_request(data=bytes(200_000)),
                            timeout=10)
        prover = Prover(stub, "big")
        prover.send_proof(bytes(200_000))
        self.assertEqual(prover.outcome()[0], exhausted)

    def test_queue(self):
        orchestrator = self.orchestrator("--max-jobs", 2, "--max-requests-per-client", 3)
        stub = orchestrator.stub()
        calls = [stub.RequestProof.future(proof_request(data=b"%d" % i)) for i in range(2)]
        wait_for(lambda: orchestrator.status()["job_count"] == 2, "two jobs")
        self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "2", stub.RequestProof, proof_request(data=b"more"),
                            timeout=10)
        calls.append(stub.RequestProof.future(proof_request(data=b"1")))
        wait_for(lambda: orchestrator.status()["waiting_requests"] == 3, "three requests")
        self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "requests of .*limit is 3", stub.RequestProof,
                            proof_request(data=b"1"), timeout=10)
        calls[0].cancel()
        wait_for(lambda: orchestrator.status()["waiting_requests"] == 2, "one went away")
        self.worker(orchestrator.address)
        for call in calls[1:]:
            call.result(30)

    def test_deadlines(self):
        orchestrator = self.orchestrator("--job-ttl", "700ms")
        stub = orchestrator.stub()
        self.assert_refused(grpc.StatusCode.DEADLINE_EXCEEDED, ".", stub.RequestProof, proof_request(), timeout=0.3)
        self.assert_refused(grpc.StatusCode.DEADLINE_EXCEEDED, "job|done", stub.RequestProof, proof_request(data=b"x"),
                            timeout=20)
        code, message = Prover(stub).outcome()
        self.assertEqual(code, grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertIn("no registration within 500 ms", message)

    def test_compile(self):
        stub = self.orchestrator().stub()
        source = lambda text: pb.CompileRequest(source=pb.ProgramSource(rust_single_file=text))
        self.assertEqual(stub.Compile(source("fn main() {}"), timeout=10).program.rv32i_elf_bytes, b"fn main() {}")
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        self.assert_refused(invalid, "error: expected", stub.Compile, source("error: expected"), timeout=10)
        self.assert_refused(invalid, "no source", stub.Compile, pb.CompileRequest(), timeout=10)
        self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "limit is 1048576", stub.Compile,
                            source("x" * 1048577), timeout=10)

    def test_compilations_do_not_hold_up_others(self):
        stub = self.orchestrator().stub()
        sleepers = [stub.Compile.future(pb.CompileRequest(source=pb.ProgramSource(rust_single_file="sleep")))
                    for _ in range(70)]
        # 64 wait and two run, if those have begun when the last one comes.
        wait_for(lambda: sum(map(self.was_refused, sleepers)) >= 4, "calls that are too many")
        self.assertLessEqual(sum(map(self.was_refused, sleepers)), 6)
        start = time.monotonic()
        self.assertFalse(stub.RequestProof(proof_request(count=0), timeout=10).HasField("proof"))
        self.assertLess(time.monotonic() - start, 5)
        for call in sleepers:
            call.cancel()

    def was_refused(self, call):
        return call.done() and call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    def test_drain(self):
        orchestrator = self.orchestrator("--drain", "20s")
        self.worker(orchestrator.address, hertz=1e5)
        stub = orchestrator.stub()
        # Known before the drain, so that the call after it uses a connection that is there.
        stub.RequestProof(proof_request(count=0), timeout=10)
        call = stub.RequestProof.future(proof_request())
        wait_for(lambda: orchestrator.status()["busy_provers"] == 1, "a prover at work")
        ending = threading.Thread(target=orchestrator.end)
        ending.start()
        wait_for(lambda: orchestrator.status()["draining"], "draining")
        self.assert_refused(grpc.StatusCode.UNAVAILABLE, "drain", stub.RequestProof, proof_request(data=b"late"),
                            timeout=10)
        code, message = Prover(stub, "late").outcome()
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        self.assertIn("drain", message)
        # What was in hand is finished.
        self.assertGreater(len(call.result(30).proof.nova_bytes), 0)
        ending.join()
        self.assertEqual(orchestrator.process.returncode, 0)

    def test_unreachable(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        status, result = self.request(f"127.0.0.1:{port}", "--patience", "300ms")
        self.assertEqual((status, result["error"]["kind"]), (4, "unavailable"))


class Provers(NetworkTest):
    def test_by_hand(self):
        orchestrator = self.orchestrator(heartbeat_ms=10_000)
        stub = orchestrator.stub()
        prover = Prover(stub, "hand-written")
        call = stub.RequestProof.future(proof_request())
        work = prover.work()
        self.assertEqual(work.program.rv32i_elf_bytes, FIBONACCI)
        self.assertEqual((work.step_to_start, work.steps_to_prove), (0, FIBONACCI_STEPS))
        prover.heartbeat()
        prover.put(progress=pb.Progress(completed_fraction=0.5, steps_in_trace=FIBONACCI_STEPS,
                                        steps_to_prove=FIBONACCI_STEPS, steps_proven=107))
        wait_for(lambda: [p for p in orchestrator.status()["provers"] if p["fraction"] == 0.5], "progress")
        prover.send_proof(fake_proof(self.folder, 0, FIBONACCI_STEPS))
        self.assertGreater(len(call.result(30).proof.nova_bytes), 0)
        prover.half_close()
        self.assertEqual(prover.outcome()[0], grpc.StatusCode.OK)
        self.assertGreaterEqual(orchestrator.counter("heartbeats"), 1)

    def test_what_a_stream_must_not_hold(self):
        stub = self.orchestrator().stub()
        invalid = grpc.StatusCode.INVALID_ARGUMENT

        def outcome(*messages, prover_id=None):
            prover = Prover(stub, prover_id)
            for message in messages:
                prover.put(**message)
            return prover.outcome()

        code, message = outcome({"heartbeat": pb.Heartbeat()})
        self.assertEqual(code, invalid)
        self.assertIn("first message", message)
        self.assertEqual(outcome({}, prover_id="a")[0], invalid)
        again = {"registration": pb.ProverRequestRegistration(prover_id="b")}
        self.assertIn("second registration", outcome(again, prover_id="b")[1])
        self.assertEqual(outcome({"registration": pb.ProverRequestRegistration()})[0], invalid)
        negative = {"progress": pb.Progress(steps_proven=-1)}
        self.assertIn("negative", outcome(negative, prover_id="c")[1])
        nan = {"progress": pb.Progress(completed_fraction=float("nan"))}
        self.assertEqual(outcome(nan, prover_id="d")[0], invalid)

    def test_ids_in_use(self):
        orchestrator = self.orchestrator()
        stub = orchestrator.stub()
        first = Prover(stub, "same")
        wait_for(lambda: orchestrator.status()["prover_count"] == 1, "the first one")
        self.assertEqual(Prover(stub, "same").outcome()[0], grpc.StatusCode.ALREADY_EXISTS)
        # A connection that has been silent for longer than a heartbeat is stale.
        time.sleep(0.9)
        second = Prover(stub, "same")
        self.assertNotEqual(first.outcome()[0], grpc.StatusCode.OK)
        second.beat_forever()
        time.sleep(0.5)
        self.assertFalse(second.ended.is_set())

    def test_ci_provers_get_short_work_only(self):
        orchestrator = self.orchestrator("--ci-max-steps", FIBONACCI_STEPS - 1)
        stub = orchestrator.stub()
        prover = Prover(stub, "ci", prover_type=pb.PROVER_TYPE_CI)
        prover.beat_forever()
        call = stub.RequestProof.future(proof_request())
        with self.assertRaises(queue.Empty):
            prover.work(seconds=1.5)
        self.worker(orchestrator.address)
        call.result(30)

    def test_malformed_messages(self):
        orchestrator = self.orchestrator()
        channel = grpc.insecure_channel(orchestrator.address)
        raw = channel.stream_stream("/nexus.orchestrator.Orchestrator/AddProver")
        with self.assertRaises(grpc.RpcError):
            list(raw(iter([b"\x0a\xff\xff\xff\xff"]), timeout=10))
        raw = channel.unary_unary("/nexus.orchestrator.Orchestrator/RequestProof")
        with self.assertRaises(grpc.RpcError) as caught:
            raw(b"\xff" * 100, timeout=10)
        self.assertNotEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        raw = channel.unary_unary("/nexus.orchestrator.Orchestrator/Nothing")
        with self.assertRaises(grpc.RpcError) as caught:
            raw(b"", timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(999)):
            with socket.create_connection(("127.0.0.1", orchestrator.port)) as one:
                one.settimeout(0.5)
                with contextlib.suppress(OSError):
                    one.sendall(garbage)
                    one.recv(65536)
        self.worker(orchestrator.address)
        self.assert_accepted(self.request(orchestrator.address))


if __name__ == "__main__":
    main()
