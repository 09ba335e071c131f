#!/usr/bin/env python3
"""Installs the build below a fresh folder, and uses what is there: check_install.py CMAKE BUILD PARAMETERS

The build's own files must not be needed. The programs of `compile` come from the cache that MAGNETAR_CACHE names, if the
toolchain is there.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from magnetar_run import Failure, expect_equal, report

ENVIRONMENT_FAILED = 4
PROGRAM = "#![no_std]\n#![no_main]\n#[nexus_rt::main]\nfn main() { nexus_rt::write_output(&7u8); }\n"


def run(command, folder, expected=0, **environment):
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment})
    if done.returncode != expected:
        raise Failure(f"{' '.join(map(str, command))}: exit status {done.returncode}, expected {expected}: "
                      f"{done.stderr or done.stdout}")
    return done.stdout


class Installation:
    def __init__(self, cmake, build, parameters, folder):
        self.cmake, self.build, self.parameters, self.folder = cmake, build, parameters, folder
        self.prefix = folder / "prefix"
        run([cmake, "--install", build, "--prefix", self.prefix], folder)
        self.magnetar = self.prefix / "bin" / "magnetar"
        self.guests = self.prefix / "share" / "magnetar" / "guest"

    def check_files(self):
        for name in ("share/man/man1/magnetar.1", "share/doc/magnetar/LICENSE", "share/doc/magnetar/deployment.md",
                     "share/doc/magnetar/examples/orchestrator.env", "lib/systemd/system/magnetar-orchestrator.service",
                     "lib/systemd/system/magnetar-worker@.service", "share/magnetar/guest/include/magnetar.h"):
            if not (self.prefix / name).is_file():
                raise Failure(f"{name} is not installed")
        tests = [path for path in self.prefix.rglob("*") if path.name.startswith(("test_", "fake_")) or path.suffix in
                 (".a", ".cmake")]
        expect_equal("what only the build needs", tests, [])

    def check_units_name_the_program(self):
        for unit in (self.prefix / "lib" / "systemd" / "system").iterdir():
            line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
            expect_equal(unit.name, line.split()[0], f"ExecStart={self.magnetar}")

    def check_destdir(self):
        root = self.folder / "root"
        run([self.cmake, "--install", self.build, "--prefix", "/opt/magnetar"], self.folder, DESTDIR=str(root))
        unit = root / "opt/magnetar/lib/systemd/system/magnetar-orchestrator.service"
        if "ExecStart=/opt/magnetar/bin/magnetar orchestrator\n" not in unit.read_text():
            raise Failure("the unit does not name the program's place below the prefix")

    def check_proving(self):
        flags = ["--cache", self.parameters, "--json"]
        elf = self.guests / "prebuilt" / "fibonacci.elf"
        result = json.loads(run([self.magnetar, "run", elf, "--input-hex", "3230", "--json"], self.folder))
        expect_equal("exit code", result["exit_code"], 0)
        run([self.magnetar, "prove", elf, "--input-hex", "3230", "--params", "fit-16", "--device", "cpu", "--out", "proof",
             *flags], self.folder)
        verdict = json.loads(run([self.magnetar, "verify", "proof", "--elf", elf, "--input-hex", "3230", *flags],
                                 self.folder))
        expect_equal("verdict", (verdict["accepted"], verdict["output_hex"]), (True, result["output_hex"]))

    def check_compile(self):
        (self.folder / "seven.rs").write_text(PROGRAM)
        command = [self.magnetar, "compile", "--local", "seven.rs", "--json"]
        cache = {"MAGNETAR_CACHE": os.environ["MAGNETAR_CACHE"]}
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env={"PATH": "/usr/bin", **cache})
        if done.returncode == ENVIRONMENT_FAILED:
            print(f"compile --local: skipped: {json.loads(done.stdout)['error']['message']}")
            return
        expect_equal("compile's exit status " + done.stderr, done.returncode, 0)
        result = json.loads(run([self.magnetar, "run", "seven.elf", "--json"], self.folder))
        expect_equal("output", result["output_hex"], "07")

    def check_sdk(self):
        (self.folder / "eight.c").write_text('#include <magnetar.h>\nint main(void) { magnetar_write("\\b", 1); return 0; }\n')
        done = subprocess.run([self.guests / "build.sh", "eight.c"], cwd=self.folder, capture_output=True, text=True)
        if done.returncode == ENVIRONMENT_FAILED:
            print(f"the C SDK: skipped: {done.stderr.strip()}")
            return
        expect_equal("build.sh's exit status " + done.stderr, done.returncode, 0)
        result = json.loads(run([self.magnetar, "run", "eight.elf", "--json"], self.folder))
        expect_equal("output", result["output_hex"], "08")


def main():
    cmake, build, parameters = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        # Root compiles as nobody, who must be able to enter.
        os.chmod(folder, 0o755)
        installation = Installation(cmake, build, parameters, pathlib.Path(folder))
        checks = [(name, getattr(installation, name)) for name in dir(installation) if name.startswith("check_")]
        return report(checks)


if __name__ == "__main__":
    sys.exit(main())
