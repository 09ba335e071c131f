"""TLS, certificates of provers, tokens of requesters; health, reflection, HTTP; where flags come from."""

import subprocess
import time
import unittest

from network import *


def certificates(folder):
    """A CA, and certificates of it for a server and a prover; another CA with one for a prover."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for ca in ("ca", "other-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{ca}.key",
                "-out", f"{ca}.pem", "-days", "2", "-subj", f"/CN={ca}")
    for name, ca in (("server", "ca"), ("prover", "ca"), ("stranger", "other-ca")):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")


TOKEN = "0123456789abcdef-alice"
TOKENS = f"""# name token scopes
alice {TOKEN}
bob   0123456789abcdef-bob request
carol 0123456789abcdef-carol compile   # no proofs
"""


class Tls(NetworkTest):
    def setUp(self):
        super().setUp()
        certificates(self.folder)
        self.flags = ["--tls-cert", self.folder / "server.pem", "--tls-key", self.folder / "server.key"]
        self.trust = (self.folder / "ca.pem").read_bytes()

    def test_requests_and_workers(self):
        orchestrator = self.orchestrator(*self.flags)
        ca = ("--tls-ca", self.folder / "ca.pem")
        self.worker(orchestrator.address, *ca)
        self.assert_accepted(self.request(orchestrator.address, *ca))
        self.assert_refused(grpc.StatusCode.UNAVAILABLE, ".", orchestrator.stub().RequestProof, proof_request(count=0),
                            timeout=5)
        status, result = self.request(orchestrator.address, "--tls-ca", self.folder / "other-ca.pem", "--patience", "0s")
        self.assertEqual((status, result["error"]["kind"]), (4, "unavailable"))

    def test_provers_show_certificates(self):
        orchestrator = self.orchestrator(*self.flags, "--tls-client-ca", self.folder / "ca.pem")
        with_trust = grpc.ssl_channel_credentials(self.trust)
        code, message = Prover(orchestrator.stub(with_trust), "without").outcome()
        self.assertEqual(code, grpc.StatusCode.UNAUTHENTICATED)
        self.assertIn("client certificate", message)
        stranger = grpc.ssl_channel_credentials(self.trust, (self.folder / "stranger.key").read_bytes(),
                                                (self.folder / "stranger.pem").read_bytes())
        self.assertEqual(Prover(orchestrator.stub(stranger), "stranger").outcome()[0], grpc.StatusCode.UNAVAILABLE)
        ca = ("--tls-ca", self.folder / "ca.pem")
        self.worker(orchestrator.address, *ca, "--tls-cert", self.folder / "prover.pem", "--tls-key",
                    self.folder / "prover.key")
        # Requesters need none.
        self.assert_accepted(self.request(orchestrator.address, *ca))

    def test_strangers_send_nothing_large(self):
        (self.folder / "tokens").write_text(TOKENS)
        orchestrator = self.orchestrator(*self.flags, "--tokens", self.folder / "tokens")
        stub = orchestrator.stub(grpc.ssl_channel_credentials(self.trust))
        bearer = [("authorization", "Bearer " + TOKEN)]
        stub.RequestProof(proof_request(count=0), timeout=10, metadata=bearer)
        before = orchestrator.peak_memory()
        large = proof_request(data=bytes(200 << 20))
        for metadata, message in ((None, "no token"), ([("authorization", "Bearer 0123456789abcdef-mallory")], "not among")):
            self.assert_refused(grpc.StatusCode.UNAUTHENTICATED, message, stub.RequestProof, large, timeout=60,
                                metadata=metadata)
        self.assertLess(orchestrator.peak_memory() - before, 50 << 20)
        counts = {(row["rpc"], row["status"]): row["count"] for row in orchestrator.status()["calls"]}
        self.assertEqual(counts[("RequestProof", "UNAUTHENTICATED")], 2)
        # Who has a token is refused for what was sent, and provers need none.
        self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "input has", stub.RequestProof, large, timeout=60,
                            metadata=bearer)
        self.assert_refused(grpc.StatusCode.PERMISSION_DENIED, "carol does not allow", stub.RequestProof,
                            proof_request(count=0), timeout=10,
                            metadata=[("authorization", "Bearer 0123456789abcdef-carol")])
        self.worker(orchestrator.address, "--tls-ca", self.folder / "ca.pem")
        self.assertGreater(len(stub.RequestProof(proof_request(), timeout=60, metadata=bearer).proof.nova_bytes), 0)

    def test_plaintext_is_for_loopback(self):
        for flags, message in ((["--listen", "0.0.0.0:0"], "no loopback address"),
                               (["--listen", "127.0.0.1:0", "--tls-cert", "x.pem"], "--tls-key"),
                               (["--listen", "127.0.0.1:0", "--tls-client-ca", "x.pem"], "--tls-cert"),
                               (["--listen", "127.0.0.1"], "HOST:PORT")):
            done = subprocess.run([BINARY, "orchestrator", "--state", self.folder / "state", *flags], capture_output=True,
                                  text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


class Tokens(NetworkTest):
    def test_tokens(self):
        (self.folder / "tokens").write_text(TOKENS)
        orchestrator = self.orchestrator("--tokens", self.folder / "tokens")
        stub = orchestrator.stub()

        def ask(call, request, token):
            metadata = [("authorization", token)] if token else None
            return call(request, timeout=10, metadata=metadata)

        nothing = proof_request(count=0)
        source = pb.CompileRequest(source=pb.ProgramSource(rust_single_file="x"))
        unauthenticated = grpc.StatusCode.UNAUTHENTICATED
        denied = grpc.StatusCode.PERMISSION_DENIED
        for call, request in ((stub.RequestProof, nothing), (stub.Compile, source)):
            self.assert_refused(unauthenticated, "no token", ask, call, request, None)
            self.assert_refused(unauthenticated, "not among", ask, call, request, "Bearer 0123456789abcdef-mallory")
            self.assert_refused(unauthenticated, "Bearer TOKEN", ask, call, request, "Basic YTpi")
            ask(call, request, "Bearer " + TOKEN)
        ask(stub.RequestProof, nothing, "Bearer 0123456789abcdef-bob")
        self.assert_refused(denied, "bob does not allow Compile", ask, stub.Compile, source,
                            "Bearer 0123456789abcdef-bob")
        self.assert_refused(denied, "carol does not allow RequestProof", ask, stub.RequestProof, nothing,
                            "Bearer 0123456789abcdef-carol")
        # Provers show none.
        self.worker(orchestrator.address)
        (self.folder / "token").write_text(TOKEN + "\n")
        self.assert_accepted(self.request(orchestrator.address, "--token-file", self.folder / "token"))
        status, result = self.request(orchestrator.address)
        self.assertEqual((status, result["error"]["kind"]), (1, "unauthenticated"))
        self.assertNotIn(TOKEN, orchestrator.log())

    def test_bad_files(self):
        for text, message in (("alice short\n", "line 1.*guessed"), ("alice\n", "without a token"),
                              ("a 0123456789abcdef\nb 0123456789abcdef\n", "line 2.*came before"),
                              ("a 0123456789abcdef prove\n", "'prove' is no scope"), ("# none\n", "no token")):
            (self.folder / "tokens").write_text(text)
            done = subprocess.run([BINARY, "orchestrator", "--listen", "127.0.0.1:0", "--state", self.folder / "state",
                                   "--tokens", self.folder / "tokens"], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, message)


class Operations(NetworkTest):
    def test_health_and_reflection(self):
        orchestrator = self.orchestrator("--drain", "30s")
        channel = grpc.insecure_channel(orchestrator.address)
        # HealthCheckResponse.status, field 1: SERVING 1, NOT_SERVING 2.
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(check(b"", timeout=10), b"\x08\x01")
        # ServerReflectionRequest.list_services, field 7, an empty string.
        reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        answer = b"".join(reflect(iter([b"\x3a\x00"]), timeout=10))
        self.assertIn(b"nexus.orchestrator.Orchestrator", answer)
        Prover(orchestrator.stub(), "busy").beat_forever()
        waiting = orchestrator.stub().RequestProof.future(proof_request())
        wait_for(lambda: orchestrator.status()["busy_provers"] == 1, "work that keeps the drain from ending")
        orchestrator.process.terminate()
        wait_for(lambda: check(b"", timeout=10) == b"\x08\x02", "not serving", seconds=10)
        waiting.cancel()

    def test_http(self):
        orchestrator = self.orchestrator()
        self.worker(orchestrator.address)
        self.assert_accepted(self.request(orchestrator.address))
        metrics = dict(line.rsplit(" ", 1) for line in orchestrator.get("/metrics").splitlines()
                       if not line.startswith("#"))
        self.assertEqual(metrics["magnetar_jobs_done_total"], "1")
        self.assertEqual(metrics['magnetar_provers{state="idle"}'], "1")
        self.assertEqual(metrics['magnetar_calls_total{rpc="RequestProof",status="OK"}'], "1")
        self.assertEqual(float(metrics["magnetar_steps_verified_total"]), FIBONACCI_STEPS)
        self.assertEqual(metrics['magnetar_segments{state="pending"}'], "0")
        self.assertEqual(metrics["magnetar_capacity_cycles_per_second"], "1000000")
        for name in ("job", "execution", "verification"):
            self.assertEqual(metrics[f"magnetar_{name}_seconds_count"], "1")
            self.assertEqual(metrics[f'magnetar_{name}_seconds_bucket{{le="86400"}}'], "1")
            self.assertEqual(metrics[f'magnetar_{name}_seconds_bucket{{le="+Inf"}}'], "1")
        self.assertEqual(float(metrics["magnetar_request_bytes_total"]), len(FIBONACCI))
        # A reply is a segment proof with a frame.
        self.assertGreater(float(metrics["magnetar_proof_bytes_total"]), 200)
        self.assertGreater(float(metrics["magnetar_reply_bytes_total"]), float(metrics["magnetar_proof_bytes_total"]))
        self.assertTrue([name for name in metrics if re.fullmatch(r'magnetar_build_info\{version="[0-9.]+"\}', name)])
        # What the system says of the process.
        self.assertGreater(float(metrics["process_resident_memory_bytes"]), 1e6)
        self.assertAlmostEqual(int(metrics["process_open_fds"]),
                               len(os.listdir(f"/proc/{orchestrator.process.pid}/fd")), delta=3)
        self.assertGreater(float(metrics["process_cpu_seconds_total"]), 0)
        self.assertAlmostEqual(float(metrics["process_start_time_seconds"]), time.time(), delta=60)
        self.assertIn("<title>Magnetar orchestrator</title>", orchestrator.get("/"))
        self.assertEqual(orchestrator.get("/ready"), "ready\n")
        self.assertEqual(orchestrator.get("/healthz"), "healthy\n")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            orchestrator.get("/nothing")
        self.assertEqual(caught.exception.code, 404)

    def test_metrics_are_documented(self):
        orchestrator = self.orchestrator()
        orchestrator.stub().RequestProof(proof_request(count=0), timeout=10)
        served = {}
        labels = {}
        worker = self.worker(orchestrator.address, "--http", "127.0.0.1:0")
        worker.read_http()
        for line in (orchestrator.get("/metrics") + worker.get("/metrics")).splitlines():
            if found := re.match(r"# TYPE (\S+) (\S+)", line):
                served[found.group(1)] = found.group(2)
            elif found := re.match(r"([a-z_]+?)(?:_bucket)?\{(.*)\}", line):
                labels[found.group(1)] = re.findall(r'(\w+)="', found.group(2))
        table = (GUESTS.parents[2] / "docs" / "operations.md").read_text()
        documented = {name: (kind, re.findall(r"`(\w+)`", names)) for name, kind, names in
                      re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) ?\|", table, re.MULTILINE)}
        self.assertEqual(documented, {name: (kind, labels.get(name, [])) for name, kind in served.items()})

    def test_worker_of_several_devices(self):
        orchestrator = self.orchestrator()
        worker = self.worker(orchestrator.address, "--http", "127.0.0.1:0", devices="good failing", hertz=2e5)
        worker.read_http()
        wait_for(lambda: orchestrator.status()["prover_count"] == 2, "a prover for each device")
        self.assertEqual(worker.get("/healthz"), "healthy\n")
        self.assertEqual(worker.get("/ready"), "ready\n")
        self.assert_accepted(self.request(orchestrator.address))
        self.assertEqual(orchestrator.counter("proofs_accepted"), 2)
        provers = {prover["device"]: prover for prover in json.loads(worker.get("/status.json"))["provers"]}
        self.assertEqual(provers.keys(), {"good", "failing"})
        self.assertNotEqual(provers["good"]["id"], provers["failing"]["id"])
        self.assertEqual([provers[name]["proofs"] for name in ("good", "failing")], [1, 1])
        metrics = worker.get("/metrics")
        for device, failures in (("good", 0), ("failing", 1)):
            labels = f'{{prover="{provers[device]["id"]}",device="{device}"}}'
            self.assertIn(f"magnetar_worker_device_failures_total{labels} {failures}\n", metrics)
            self.assertIn(f"magnetar_worker_proofs_total{labels} 1\n", metrics)
            self.assertRegex(metrics, f"magnetar_worker_cycles_per_second{re.escape(labels)} [1-9]")
        self.assertIn("the device failed; the CPU goes on", worker.log())
        self.assertIn("device=failing+cpu", worker.log())
        with self.assertRaises(urllib.error.HTTPError):
            worker.get("/")
        orchestrator.kill()
        wait_for(lambda: not any(p["connected"] for p in json.loads(worker.get("/status.json"))["provers"]), "its end")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            worker.get("/ready")
        self.assertEqual(caught.exception.code, 503)
        self.assertEqual(worker.get("/healthz"), "healthy\n")
        self.assertEqual(worker.end(), 0)

    def test_structured_logs(self):
        orchestrator = self.orchestrator("--log-json")
        worker = self.worker(orchestrator.address, "--log-json")
        # A name that tries to forge a line.
        Prover(orchestrator.stub(), 'x\n{"level":"error"}').outcome()
        self.assert_accepted(self.request(orchestrator.address))
        worker.end()
        lines = [json.loads(line) for line in orchestrator.log().splitlines()]
        accepted = [line for line in lines if line["message"] == "proof accepted"]
        self.assertEqual(len(accepted), 1)
        self.assertEqual({"job", "segment", "prover"} - accepted[0].keys(), set())
        self.assertEqual([line for line in lines if line["level"] == "error"], [])
        for line in worker.log().splitlines():
            self.assertIn("prover" if "measuring" not in line else "time", json.loads(line))

    def test_where_flags_come_from(self):
        config = self.folder / "magnetar.toml"

        def max_elf_bytes(*flags, environment=None, file=None):
            """The limit that a request runs against."""
            if file is not None:
                config.write_text(file)
                flags = ("--config", config)+ flags
            os.environ.update(environment or {})
            try:
                arguments = [a for a in flags]
                split = 2 if file is not None else 0
                process = Process([*arguments[:split], "orchestrator", "--listen", "127.0.0.1:0", "--state",
                                   self.folder / "state", *arguments[split:]], self.folder, "configured")
            finally:
                for name in environment or {}:
                    del os.environ[name]
            self.processes.append(process)
            port = process.process.stdout.readline().rsplit(":", 1)[1].strip()
            stub = rpc.OrchestratorStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
            with self.assertRaises(grpc.RpcError) as caught:
                stub.RequestProof(proof_request(), timeout=10)
            process.kill()
            return [limit for limit in ("1001", "1002", "1003") if limit in caught.exception.details()]

        file = "[orchestrator]\nmax-elf-bytes = 1001\n"
        environment = {"MAGNETAR_MAX_ELF_BYTES": "1002"}
        self.assertEqual(max_elf_bytes(file=file), ["1001"])
        self.assertEqual(max_elf_bytes(file=file, environment=environment), ["1002"])
        self.assertEqual(max_elf_bytes("--max-elf-bytes", "1003", file=file, environment=environment), ["1003"])
        config.write_text("[orchestrator]\nmax-elf-byte = 1\n")
        done = subprocess.run([BINARY, "--config", config, "orchestrator"], capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("max-elf-byte", done.stderr + done.stdout)


if __name__ == "__main__":
    main()
