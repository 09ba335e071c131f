"""Programs that an orchestrator compiles in the real sandbox, for the command and for stock grpcio; what comes back runs,
and is proved by the same orchestrator's worker."""

import subprocess
import unittest

from engine_test import CACHE, EngineTest
from network import *

COMPILE_CACHE = os.environ["MAGNETAR_TEST_COMPILE_CACHE"]
SOURCE = GUESTS.parent / "rust" / "programs" / "fibonacci.rs"
# Of the environment, not of the source: the compiler or the namespaces of its sandbox are not there.
CANNOT = "this orchestrator cannot compile"


class CompileForOthers(EngineTest):
    def setUp(self):
        super().setUp()
        self.server = self.orchestrator("--compile-cache", COMPILE_CACHE, "--cache", CACHE, heartbeat_ms=10_000)

    def compile(self, source, seconds=300):
        request = pb.CompileRequest(source=pb.ProgramSource(rust_single_file=source))
        try:
            return self.server.stub().Compile(request, timeout=seconds).program.rv32i_elf_bytes
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE and error.details().startswith(CANNOT):
                self.skipTest(error.details())
            raise

    def command(self, *arguments):
        return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=300)

    def test_compiled_run_and_proved(self):
        # New to the cache, whatever ran before.
        source = f"{SOURCE.read_text()}\n// {time.time_ns()}\n"
        elf = self.compile(source)
        self.assertEqual(elf[:4], b"\x7fELF")
        self.assertEqual(self.compile(source), elf, "the same from the cache")

        file, out = self.folder / "program.rs", self.folder / "program.elf"
        file.write_text(source)
        done = self.command("compile", file, "--orchestrator", self.server.address, "--out", out, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["elf_bytes"], len(elf))
        self.assertEqual(out.read_bytes(), elf)
        ran = json.loads(self.command("run", out, "--json").stdout)
        self.assertEqual((ran["exit_code"], ran["log"]), (0, "fib(15) = 610\n"))

        self.engine_worker(self.server.address, "prover")
        done = self.command("request", out, "--orchestrator", self.server.address, "--cache", CACHE, "--json")
        self.assert_accepted((done.returncode, json.loads(done.stdout)), steps=None)
        self.assertEqual(json.loads(done.stdout)["exit_code"], 0)

    def test_what_the_compiler_says(self):
        self.compile(SOURCE.read_text())
        wrong = "#![no_std]\n#![no_main]\n#[nexus_rt::main]\nfn main() { x; }\n"
        with self.assertRaises(grpc.RpcError) as caught:
            self.compile(wrong)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("error[E0425]: cannot find value `x`", caught.exception.details())
        # Nothing of the host is to be seen from within.
        spy = "#![no_std]\n#![no_main]\nconst _: &str = include_str!(\"/etc/passwd\");\n#[nexus_rt::main]\nfn main() {}\n"
        with self.assertRaises(grpc.RpcError) as caught:
            self.compile(spy)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("couldn't read", caught.exception.details())
        file = self.folder / "wrong.rs"
        file.write_text(wrong)
        done = self.command("compile", file, "--orchestrator", self.server.address, "--json")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("E0425", json.loads(done.stdout)["error"]["message"])


if __name__ == "__main__":
    main()
