"""Compiles the kernels to machine code and checks what ptxas says of them: no stack, no spills in any kernel, and at
most 160 multiply-adds in a field product.

    check_ptxas.py --nvcc NVCC --host-compiler CXX --root DIR [--architectures 90 ...] [--json FILE]

The multiply-adds of a product are counted in the machine code of a kernel that does nothing else. The opcode is the low
9 bits of an instruction of 128: 0x24 IMAD, 0x25 IMAD.WIDE, 0x27 IMAD.HI, moves by IMAD counted as well.
"""

import argparse
import collections
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

FILES = ["block_kernels.cu", "digit_kernels.cu", "msm_bn254.cu", "msm_grumpkin.cu", "vector_fq.cu", "vector_fr.cu"]
MULTIPLY_ADDS = {0x24, 0x25, 0x27}
LIMIT = 160
PRODUCT = """
#include "kernels/memory.cuh"
using E = magnetar::kernels::Element<magnetar::kernels::%sParameters>;
extern "C" __global__ void product(const E* a, const E* b, E* out) {
  using magnetar::kernels::load;
  magnetar::kernels::store(out + threadIdx.x, load(a + threadIdx.x) * load(b + threadIdx.x));
}
"""


def compile_cubin(args, source, architecture, cubin):
    command = [args.nvcc, "-std=c++20", "-O3", "-ccbin", args.host_compiler, "--expt-relaxed-constexpr", f"-I{args.root}",
               f"-arch=sm_{architecture}", "-Xptxas=-v", "-cubin", "-o", str(cubin), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def kernels_of(report):
    """What ptxas says of each entry function, by name."""
    kernels = {}
    name = None
    for line in report.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)'", line):
            name = entry[1]
        elif frame := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            kernels[name] = {"stack": int(frame[1]), "spills": int(frame[2]) + int(frame[3])}
        elif used := re.search(r"Used (\d+) registers", line):
            kernels[name]["registers"] = int(used[1])
    return kernels


def short_name(mangled):
    """accumulate_kernel<Fq> of a mangled name."""
    demangled = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True).stdout
    name = re.search(r"(\w+_kernel)[<(]", demangled)[1]
    field = "Fr" if "ScalarParametersEEE" in mangled else "Fq" if "BaseParametersEEE" in mangled else ""
    return f"{name}<{field}>" if field else name


def opcodes(cubin, section_name):
    data = cubin.read_bytes()
    offset, = struct.unpack_from("<Q", data, 0x28)
    _, count, names = struct.unpack_from("<HHH", data, 0x3a)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + 64 * i) for i in range(count)]
    for section in sections:
        start = sections[names][4] + section[0]
        if data[start:data.index(b"\0", start)].decode() == section_name:
            begin, size = section[4], section[5]
            return collections.Counter(struct.unpack_from("<H", data, at)[0] & 0x1ff
                                       for at in range(begin, begin + size, 16))
    sys.exit(f"no section {section_name} in {cubin}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--host-compiler", required=True)
    parser.add_argument("--root", required=True, type=pathlib.Path)
    parser.add_argument("--architectures", nargs="+", default=["90"])
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    failures = []
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for architecture in args.architectures:
            kernels = {}
            for file in FILES:
                report = compile_cubin(args, args.root / "kernels" / file, architecture, folder / "kernels.cubin")
                found = kernels_of(report)
                if not found:
                    failures.append(f"sm_{architecture}: no kernels in {file}")
                for name, facts in found.items():
                    if short_name(name) in kernels:
                        sys.exit(f"two kernels are called {short_name(name)}")
                    kernels[short_name(name)] = facts
            for name, facts in sorted(kernels.items()):
                print(f"sm_{architecture} {name:36} {facts['registers']:4} registers, {facts['stack']} bytes of stack, "
                      f"{facts['spills']} of spills")
                if facts["stack"] or facts["spills"]:
                    failures.append(f"sm_{architecture}: {name} uses local memory")
            products = {}
            for field in ["Fr", "Fq"]:
                source = folder / "product.cu"
                source.write_text(PRODUCT % field)
                compile_cubin(args, source, architecture, folder / "product.cubin")
                count = opcodes(folder / "product.cubin", ".text.product")
                products[field] = sum(count[opcode] for opcode in MULTIPLY_ADDS)
                print(f"sm_{architecture} product in {field}: {products[field]} multiply-adds, {count[0x25]} of them wide, "
                      f"of {sum(count.values())} instructions")
                # Fewer than the limb products of a product and a reduction would mean that the count is not one.
                if not 128 - 8 <= products[field] <= LIMIT:
                    failures.append(f"sm_{architecture}: {products[field]} multiply-adds in a product of {field}")
            result[architecture] = {"kernels": kernels, "products": products}
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
