#!/usr/bin/env python3
"""Builds C programs with the guest SDK and runs them: check_sdk.py MAGNETAR BUILD_SH

Checks what programs may rely on (start, C library, ends), how the ELF files are laid out, and how the build
script refuses. Exit status 77: the cross compiler is not installed.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from elf_file import PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, SHF_EXECINSTR, STT_FUNC, ElfFile
from magnetar_run import Failure, expect_equal

SOURCES = pathlib.Path(__file__).parent / "sdk"
SKIPPED = 77
# Exit status of build.sh without compiler or C library.
NO_COMPILER = 4

RUNTIME_LOG = """\
arguments 0 1
zeroed 0 initialised 6 constant extra 99
thread-local 17 0 0
stored 17 5 10 errno 0
constructed 23
heap 1 0
too much 1 1
divide 142857142857 0.833333
stderr
input 104
input 105
input 255
input -1
still at the end 1
at exit
destructor
"""

# Input, exit code, log. Only exit() and return run the handlers.
ENDINGS = [
    (b"r", 0, "at exit\n"),
    (b"e", 3, "at exit\n"),
    (b"n", 2**32 - 1, "at exit\n"),
    (b"_", 4, ""),
    (b"h", 5, ""),
    (b"a", 1, ""),
    (b"", 77, "at exit\n"),
]

TEXT_FLAGS = 5  # read, execute
STACK_TOP = 0x400000


class Sdk:
    def __init__(self, magnetar, build_script, folder):
        self.magnetar = magnetar
        self.build_script = pathlib.Path(build_script).resolve()
        self.folder = pathlib.Path(folder)

    def invoke(self, *arguments, cwd=None, environment=None):
        return subprocess.run([self.build_script, *map(str, arguments)], capture_output=True, text=True,
                              cwd=cwd or self.folder, env=environment)

    def build(self, source, name=None, flags=()):
        elf = self.folder / f"{name or pathlib.Path(source).stem}.elf"
        done = self.invoke("-o", elf, source, *flags)
        if done.returncode != 0:
            raise Failure(f"build.sh: exit status {done.returncode}: {done.stderr}")
        expect_equal("build.sh's stderr", done.stderr, "")
        return elf

    def check_runtime(self, level):
        elf = self.build(SOURCES / "runtime.c", flags=["-O", level])
        result = magnetar_run.expect_halt(self.magnetar, elf, 0x12345, b"hi\xff")
        expect_equal("log", result["log"].splitlines(), RUNTIME_LOG.splitlines())
        expect_equal("output", bytes.fromhex(result["output_hex"]), b"binary\0output")
        expect_equal("spans labelled", result["labels"]["labelled"]["spans"], 1)
        check_layout(ElfFile(elf.read_bytes()), {"main", "_start", "construct", "at_exit"})

    def check_endings(self):
        elf = self.build(SOURCES / "ending.c")
        for data, exit_code, log in ENDINGS:
            result = magnetar_run.expect_halt(self.magnetar, elf, exit_code, data)
            expect_equal(f"log for {data}", result["log"], log)
            expect_equal(f"output for {data}", bytes.fromhex(result["output_hex"]), b"" if data else b"not ended")
        result = magnetar_run.expect_halt(self.magnetar, elf, 1, b"A")
        # The source's folder must not be in the program.
        if "ending.c" not in result["log"] or str(SOURCES) in result["log"]:
            raise Failure(f"a failed assertion logs {result['log']!r}")
        for data, kind in ((b"t", None), (b"s", "store-into-text"), (b"f", "store-into-text")):
            status, result = magnetar_run.run(self.magnetar, elf, data, ["--max-cycles", "10000000"])
            expect_equal(f"error for {data}", result.get("error", {}).get("kind"), kind)
            expect_equal(f"output for {data}", result.get("output_hex", ""), "")

    def check_reproducible(self):
        first = self.build(SOURCES / "ending.c", "first").read_bytes()
        elsewhere = self.folder / "else where"
        elsewhere.mkdir()
        shutil.copy(SOURCES / "ending.c", elsewhere)
        done = self.invoke("ending.c", cwd=elsewhere)
        expect_equal("build.sh's exit status", done.returncode, 0)
        if (elsewhere / "ending.elf").read_bytes() != first:
            raise Failure("the program's bytes depend on where its source lies")
        for path in (SOURCES, self.build_script.parent, self.folder):
            if str(path).encode() in first:
                raise Failure(f"the program contains the path {path}")

    def check_flags(self):
        source = self.folder / "flags.c"
        source.write_text("int main(void) { return VALUE; }\n")
        elf = self.build(source, flags=["-Os", "--", "-DVALUE=41"])
        magnetar_run.expect_halt(self.magnetar, elf, 41)

    def check_refusals(self):
        (self.folder / "wrong.c").write_text("int main(void) { return undeclared; }\n")
        (self.folder / "unlinked.c").write_text("int f(void);\nint main(void) { return f(); }\n")
        (self.folder / "large.c").write_text(
            "int main(void) { __asm__ volatile(\".skip 0x200000\"); return 0; }\n")
        (self.folder / "right.c").write_text("int main(void) { return 0; }\n")
        (self.folder / "text.txt").write_text("text\n")
        for arguments, status, message in [
            ([], 2, "no source file"),
            (["--what", "right.c"], 2, "unknown option --what"),
            (["right.c", "-o"], 2, "-o needs a value"),
            (["-O", "9", "right.c"], 2, "-O 9"),
            (["missing.c"], 2, "missing.c: no such file"),
            (["text.txt"], 2, "text.txt: neither"),
            (["-o", "none/x.elf", "right.c"], 2, "none is no folder"),
            (["wrong.c"], 1, "wrong.c does not compile"),
            (["unlinked.c"], 1, "linking failed"),
            (["large.c"], 1, "text is larger than 2 MiB"),
            (["right.c", "--", "-march=rv32ic"], 1, "not plain RV32I"),
        ]:
            done = self.invoke(*arguments)
            what = f"build.sh {' '.join(arguments)}: "
            expect_equal(what + "exit status", done.returncode, status)
            if message not in done.stderr:
                raise Failure(f"{what}stderr is {done.stderr!r}, expected {message!r} in it")
            expect_equal(what + "programs left", [p.name for p in self.folder.glob("*.elf")
                                                  if p.stem in ("wrong", "unlinked", "large", "right")], [])
        done = self.invoke("--help")
        expect_equal("exit status of build.sh --help", done.returncode, 0)
        expect_equal("first line of build.sh --help", done.stdout.split()[:2], ["Usage:", "build.sh"])

    def check_no_compiler(self):
        # A PATH with what the script itself needs, but no compiler.
        tools = self.folder / "tools"
        tools.mkdir()
        for tool in ("bash", "env", "dirname", "basename"):
            os.symlink(shutil.which(tool), tools / tool)
        (self.folder / "right.c").write_text("int main(void) { return 0; }\n")
        done = self.invoke("right.c", environment={"PATH": str(tools)})
        expect_equal("exit status without a compiler", done.returncode, NO_COMPILER)
        if "gcc-riscv64-unknown-elf" not in done.stderr:
            raise Failure(f"stderr is {done.stderr!r}, expected the package's name in it")


def check_layout(elf, functions):
    """Entry 0, one executable segment from 0 that holds text alone, nothing for a dynamic linker, no flags."""
    expect_equal("entry", elf.entry, 0)
    expect_equal("e_flags", elf.flags, 0)
    dynamic = [s for s in elf.segments if s.type in (PT_DYNAMIC, PT_INTERP)]
    expect_equal("segments for a dynamic linker", dynamic, [])
    loaded = [s for s in elf.segments if s.type == PT_LOAD and s.memory_size]
    (text,) = [s for s in elf.sections if s.flags & SHF_EXECINSTR]
    expect_equal("executable segments",
                 [(s.address, s.file_size, s.memory_size, s.flags) for s in loaded if s.flags & PF_X],
                 [(0, text.size, text.size, TEXT_FLAGS)])
    low = [s for s in loaded if not s.flags & PF_X and s.address < STACK_TOP]
    expect_equal("data below the top of the stack", low, [])
    named = {symbol.name for symbol in elf.symbols() if symbol.type == STT_FUNC}
    expect_equal("functions without a symbol", functions - named, set())


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        sdk = Sdk(*arguments, folder)
        tried = sdk.invoke(SOURCES / "ending.c")
        if tried.returncode == NO_COMPILER:
            print(f"skipped: {tried.stderr.strip()}")
            return SKIPPED
        return magnetar_run.report(
            [(f"runtime, -O{level}", lambda level=level: sdk.check_runtime(level)) for level in "02s"]
            + [("endings", sdk.check_endings), ("reproducible", sdk.check_reproducible), ("flags", sdk.check_flags),
               ("refusals", sdk.check_refusals), ("no compiler", sdk.check_no_compiler)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
