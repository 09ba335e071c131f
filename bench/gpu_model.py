"""Estimates the time of the kernels on GPUs that are not at hand: a roofline model, from instruction and memory counts
of an emulated run and registers by ptxas. Nothing here was measured on a GPU.

    python3 bench/gpu_model.py --build build/release --emulator DIR

DIR holds an emulated CUDA runtime. Takes a minute or two. --json FILE saves the counts and the estimates.
"""

import argparse
import json
import math
import os
import pathlib
import random
import subprocess
import tempfile

# Multiprocessors, boost clock in GHz, memory bandwidth in GB/s, by the makers' data sheets; registers are 65,536 and
# the rate of 32-bit integer multiply-adds 64 lanes a clock for each multiprocessor of all of these.
GPUS = {
    "A100 SXM": (108, 1.41, 2039),
    "L40S": (142, 2.52, 864),
    "H100 SXM": (132, 1.755, 3350),
    "H200 SXM": (132, 1.755, 4800),
    "B200": (148, 1.85, 8000),
    "RTX 4090": (128, 2.52, 1008),
}
ASSUMPTIONS = """Assumptions:
- A wide multiply-add (a mad.lo/madc.hi pair in PTX) takes two of the 64 multiply-add slots that a multiprocessor has a
  clock; everything else is issued 128 lanes a clock beside them, a pair counting once.
- 80 % of either peak is reached, and 80 % of the memory's bandwidth; every sector that is asked for comes from memory.
- A kernel takes the longest of these three, and of its threads' instructions one after the other at 4 clocks each; and
  3 us for each launch.
- What grows with entries, buckets or elements is scaled by them from the emulated size. Threads of a warp wait for the
  longest run among them, as drawn from random digits.
- Tables of multiples for all windows, 2^19 buckets (what the planner takes for 2^20 generators)."""
REACHED = 0.8
LATENCY_CLOCKS = 4
LAUNCH_SECONDS = 3e-6


class Counts:
    """What a kernel does, by lanes."""

    def __init__(self, slots=0.0, issued=0.0, sectors=0.0, per_thread=0.0, launches=0.0):
        self.slots, self.issued, self.sectors = slots, issued, sectors
        self.per_thread, self.launches = per_thread, launches

    def scaled(self, factor, lanes=1.0):
        """`factor` times the work in as many launches; `lanes`: how much more for lanes that idle."""
        return Counts(self.slots * factor * lanes, self.issued * factor * lanes, self.sectors * factor,
                      self.per_thread, self.launches)

    def seconds(self, gpu):
        multiprocessors, gigahertz, bandwidth = gpu
        clock = gigahertz * 1e9
        compute = max(self.slots / 64, self.issued / 128) / (multiprocessors * clock * REACHED)
        memory = self.sectors * 32 / (bandwidth * 1e9 * REACHED)
        return max(compute, memory, self.per_thread * LATENCY_CLOCKS / clock) + self.launches * LAUNCH_SECONDS


def counts_of(kernels, *parts, runs=1):
    """The counts of all kernels whose name has one of `parts`, for one of `runs` equal runs."""
    total = Counts()
    for kernel in kernels:
        if not any(part in kernel["name"] for part in parts):
            continue
        lanes = kernel["lane_instructions_by_class"]
        low, high = lanes.get("imad32_lo", 0), lanes.get("imad32_hi", 0)
        wide, long = lanes.get("imad32_wide", 0), lanes.get("imul64", 0)
        total.slots += (low + high + 2 * wide + 4 * long) / runs
        total.issued += (kernel["lane_instructions"] - high) / runs
        total.sectors += (kernel["global_load"]["sectors"] + kernel["global_store"]["sectors"]) / runs
        total.per_thread += kernel["lane_instructions"] / kernel["threads"] * kernel["launches"] / runs
        total.launches += kernel["launches"] / runs
    if total.launches == 0:
        raise SystemExit(f"no kernel {parts} was run")
    return total


def emulate(args, program, *arguments):
    """The statistics of a program under the emulator."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "statistics.json"
        environment = dict(os.environ, LD_LIBRARY_PATH=str(args.emulator), CUDA_EMULATOR_STATS=str(file))
        done = subprocess.run([str(args.build / program), *arguments], env=environment, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise SystemExit(f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return json.loads(file.read_text())["kernels"], done.stdout


def idle_factor(entries, buckets, task_size):
    """Lanes that a warp keeps busy over those that work, when its threads sum up runs of random length."""
    generator = random.Random(1)
    mean = entries / buckets
    tasks = []
    while len(tasks) < 32 * 400:
        run = max(0, round(generator.gauss(mean, math.sqrt(mean))))
        tasks += [task_size] * (run // task_size) + ([run % task_size] if run % task_size else [])
    warps = [tasks[i:i + 32] for i in range(0, 32 * 400, 32)]
    return sum(32 * max(warp) for warp in warps) / sum(map(sum, warps))


SORT = ("radix_sort",)
RUNS = ("DeviceReduceByK", "DeviceScan", "DeviceCompactInit", "count_tasks")


class Msm:
    """Full-size scalars, from an emulated run of 2^14 without tables."""

    EMULATED_LOG = 14

    def __init__(self, kernels):
        parts = {name: counts_of(kernels, *names) for name, names in {
            "accumulate": ("accumulate_kernel",), "combine": ("combine_kernel",), "weigh": ("weigh_kernel",),
            "add_up": ("add_up_kernel",), "digits": ("element_digits",), "sort": SORT, "runs": RUNS,
            "scatter": ("scatter_kernel",)}.items()}
        self.parts = parts
        self.accumulate = next(kernel for kernel in kernels if "accumulate_kernel" in kernel["name"])
        # One shared-memory store of 16 bytes for each quarter of a point: four an entry.
        self.entries = self.accumulate["lane_instructions_by_class"]["st_shared"] / 4
        # The scatter kernel stores 128 bytes for each bucket in use; nearly all are.
        scatter = next(kernel for kernel in kernels if "scatter_kernel" in kernel["name"])
        self.buckets = scatter["global_store"]["bytes_used"] / 128

    def products_per_entry(self, product_slots, entries, bucket_bits):
        """Field products, by multiply-add slots, of adding one of `entries` to its bucket, weighing buckets included."""
        by_entry = self.parts["accumulate"].slots / self.entries
        by_bucket = (self.parts["weigh"].slots + self.parts["add_up"].slots + self.parts["combine"].slots) / self.buckets
        return (by_entry + by_bucket * 2 ** bucket_bits / entries) / product_slots

    def estimate(self, gpu, entries, bucket_bits, scalars):
        buckets = 2 ** bucket_bits
        threads = gpu[0] * 1024
        task_size = min(128, max(8, math.ceil(entries / threads)))
        more = entries / self.entries
        passes = math.ceil(bucket_bits / 8) / 2  # two passes at the emulated size
        accumulate = self.parts["accumulate"].scaled(more, idle_factor(entries, buckets, task_size))
        accumulate.per_thread *= task_size / 8
        combined = entries / buckets > task_size
        by_bucket = buckets / self.buckets
        seconds = {
            "accumulate": accumulate.seconds(gpu),
            "combine": self.parts["combine"].scaled(by_bucket if combined else 0).seconds(gpu),
            "weigh": self.parts["weigh"].scaled(by_bucket).seconds(gpu),
            "add up": self.parts["add_up"].scaled(by_bucket).seconds(gpu),
            "digits": self.parts["digits"].scaled(scalars / 2 ** self.EMULATED_LOG).seconds(gpu),
            "sort": self.parts["sort"].scaled(more * passes).seconds(gpu),
            "runs": self.parts["runs"].scaled(more).seconds(gpu),
            "scatter": self.parts["scatter"].scaled(by_bucket).seconds(gpu),
        }
        return seconds


# A fold step of 2^20 constraints, in shares of those: as the emulated one of 2^16 has them.
STEP = {
    "products of blocks": ("fresh_block_products",), "inversion": ("invert_kernel",), "stage 2": ("finish_stage2",),
    "sum of blocks": ("sum_elements",), "circuit": ("circuit_pieces", "circuit_sums"), "cross term": ("cross_term",),
    "folds": ("fold_vectors", "fold_columns")}


def main():
    parser = argparse.ArgumentParser(description="Estimates GPU times from emulated counts.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--emulator", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()

    once = "--benchmark_min_time=0.000001"
    products, _ = emulate(args, "bench/gpu", "--benchmark_filter=^Product/fq/10/", once)
    kernel = next(k for k in products if "multiply_elements" in k["name"])
    product = counts_of([kernel], "multiply_elements")
    product_slots = product.slots / (kernel["threads"] * 256)
    msm_kernels, _ = emulate(args, "bench/gpu", "--benchmark_filter=^Msm/bn254/full/14/", once)
    msm = Msm(msm_kernels)
    step_kernels, output = emulate(args, "tests/device/test_gpu_zkvm")
    if "PASSED" not in output or "SKIPPED" in output:
        raise SystemExit("the emulated proof failed")
    words = next(line for line in output.splitlines() if "fold steps" in line).split()
    fold_steps, constraints = int(words[2]), int(words[5])

    print("ESTIMATES by a roofline model, not measurements.\n" + ASSUMPTIONS + "\n")
    print(f"Counted: a field product {product_slots:.0f} slots (two for each of 128 wide multiply-adds, and 8); adding an "
          f"entry to a bucket at 2^20 scalars, everything about buckets included, "
          f"{msm.products_per_entry(product_slots, 13 * 2 ** 20, 19):.2f} products;")
    load = msm.accumulate["global_load"]
    print(f"global loads of the bucket sums use {100 * load['efficiency']:.0f} % of the sectors that they ask for.\n")
    estimates = {}
    print(f"{'estimate':10} {'products':>12} {'MSM 2^20':>10} {'of which':>32} {'step 2^20':>10}")
    for name, gpu in GPUS.items():
        rate = 64 * gpu[0] * gpu[1] * 1e9 * REACHED / product_slots
        full = msm.estimate(gpu, 13 * 2 ** 20, 19, 2 ** 20)
        msm_seconds = sum(full.values())
        # Stage 2 and the cross term are full-size vectors, of 0.65 and 1 variables a constraint; stage 1 has some 0.9
        # small values a constraint with two windows each.
        step = {part: counts_of(step_kernels, *names, runs=fold_steps).scaled(2 ** 20 / constraints).seconds(gpu)
                for part, names in STEP.items()}
        step["commit stage 1"] = sum(msm.estimate(gpu, 2 * 0.9 * 2 ** 20, 19, 0.9 * 2 ** 20).values())
        step["commit stage 2"] = sum(msm.estimate(gpu, 13 * 0.65 * 2 ** 20, 19, 0.65 * 2 ** 20).values())
        step["commit cross term"] = msm_seconds
        total = sum(step.values())
        largest = ", ".join(f"{part} {1e3 * seconds:.1f}" for part, seconds in
                            sorted(full.items(), key=lambda item: -item[1])[:3])
        print(f"{name:10} {rate / 1e9:8.1f} G/s {1e3 * msm_seconds:7.2f} ms {largest:>32} {1e3 * total:7.2f} ms")
        estimates[name] = {"products_per_second": rate, "msm": full, "step": step}
    print("\nThe step on one H100 SXM, in ms: " + ", ".join(
        f"{part} {1e3 * seconds:.2f}" for part, seconds in estimates["H100 SXM"]["step"].items()))
    print("The secondary side (some 7,200 constraints, bound by latency) is not in it: it runs beside the primary one.")
    if args.json:
        args.json.write_text(json.dumps({"product_slots": product_slots, "estimates": estimates}, indent=1))


if __name__ == "__main__":
    main()
