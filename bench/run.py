#!/usr/bin/env python3
"""Runs the benches of a build, and writes what they measured as JSON and as a report with plots.

The report is DIR/report.md, with its plots beside it; the measurements are DIR/results.json, which a later run takes as
its --baseline. A figure is items a second where the bench counts items, else rounds a second: more is better, and a
ratio below 1 is slower than the baseline.

Exit codes: 0 done; 1 something is slower than --fail-below allows; 2 unusable arguments or files; 3 a bench failed.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMAT = 1

# What --quick runs of each program: enough to see that it works and where it stands, in some seconds.
QUICK = {
    "circuits": "Circuits/(fibonacci|wordcount)/|Products/16",
    "field": "^(Mul|Square|BatchInverse)/fr/",
    "generators": "/14",
    "ivc": "/16/",
    "machine": "/(fibonacci|sha256)$",
    "msm": "^Msm/bn254/(full|witness)/(14|16)/threads:1$",
    "orchestrator": "^(Heartbeat|Progress|Schedule/10)$|^HeartbeatOverGrpc/in_a_row:1/",
    "poseidon": "/3$",
    "prove": "^Prove/fibonacci",
}
QUICK_ENVIRONMENT = {"MAGNETAR_BENCH_PARAMS": "fit-16"}

# Fields of Google Benchmark's records that are no counters.
NOT_COUNTERS = {
    "name", "run_name", "run_type", "repetitions", "repetition_index", "threads", "iterations", "real_time",
    "cpu_time", "time_unit", "family_index", "per_family_instance_index", "items_per_second", "error_occurred",
    "error_message", "label",
}
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


# Measuring


def machine():
    """What the figures depend on, besides the program."""
    described = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
        field = lambda name: re.search(rf"^{name}\s*:\s*(.*)$", info, re.MULTILINE)
        if field("model name"):
            described["processor"] = field("model name")[1]
        if field("cpu family") and field("model"):
            described["family"] = f"{field('cpu family')[1]}, model {field('model')[1]}"
        if field("flags"):
            flags = field("flags")[1].split()
            described["instructions"] = [f for f in ("adx", "avx2", "avx512f", "avx512ifma") if f in flags]
        memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
        described["memory_bytes"] = int(memory[1]) * 1024
        described["load"] = float(pathlib.Path("/proc/loadavg").read_text().split()[0])
    except OSError:
        pass  # not Linux: the report says less
    return described


def commit():
    git = lambda *arguments: subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True).stdout.strip()
    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def find_programs(build, only):
    folder = build / "bench"
    programs = sorted(p for p in folder.glob("*") if p.is_file() and os.access(p, os.X_OK) and not p.suffix)
    if not programs:
        raise Failure(2, f"no benches in {folder}: build the project first, with MAGNETAR_BENCH=ON")
    if only:
        unknown = set(only) - {p.name for p in programs}
        if unknown:
            raise Failure(2, f"no such bench in {folder}: {', '.join(sorted(unknown))}")
        programs = [p for p in programs if p.name in only]
    return programs


def run_program(program, quick, min_time, pattern):
    """The records of one program."""
    command = [str(program), "--benchmark_format=json"]
    if min_time is not None:
        command.append(f"--benchmark_min_time={min_time}")
    pattern = pattern or (QUICK.get(program.name) if quick else None)
    if pattern:
        command.append(f"--benchmark_filter={pattern}")
    environment = dict(os.environ)
    if quick:
        environment = {**QUICK_ENVIRONMENT, **environment}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    if done.returncode != 0:
        raise Failure(3, f"{shlex.join(command)} ended with {done.returncode}")
    try:
        records = json.loads(done.stdout)["benchmarks"] if done.stdout.strip() else []
    except (ValueError, KeyError) as error:
        raise Failure(3, f"{shlex.join(command)} printed no results: {error}") from error
    results = []
    for record in records:
        name = record["name"]
        if record.get("error_occurred"):
            raise Failure(3, f"{program.name}: {name}: {record.get('error_message')}")
        if record.get("run_type") == "aggregate":
            continue
        seconds = record["real_time"] * NANOSECONDS[record["time_unit"]] / 1e9
        results.append({
            "program": program.name,
            # Google Benchmark says in the name how it measures.
            "name": re.sub(r"/(iterations:\d+|manual_time|real_time)", "", name),
            "seconds": seconds,
            "items_per_second": record.get("items_per_second"),
            "counters": {k: v for k, v in record.items() if k not in NOT_COUNTERS},
        })
    return results


def measure(arguments):
    programs = find_programs(arguments.build, arguments.only)
    results = {
        "format": FORMAT,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "machine": machine(),
        "command": shlex.join(["bench/run.py", *sys.argv[1:]]),
        "quick": arguments.quick,
        "benchmarks": [],
    }
    for program in programs:
        print(f"{program.name} ...", file=sys.stderr, flush=True)
        results["benchmarks"] += run_program(program, arguments.quick, arguments.min_time, arguments.filter)
    if not results["benchmarks"]:
        raise Failure(2, "the filter leaves no bench")
    return results


def load(path):
    try:
        results = json.loads(pathlib.Path(path).read_text())
        if results["format"] != FORMAT:
            raise Failure(2, f"{path}: of format {results['format']}, not {FORMAT}")
        for record in results["benchmarks"]:
            figure(record)
        return results
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(2, f"{path}: no results of this program: {error!r}") from error


def merge(parts):
    """Results that were measured one after the other; later ones replace earlier ones of the same name."""
    merged = dict(parts[-1])
    for told in ("date", "commit", "command"):
        merged[told] = "; ".join(dict.fromkeys(part[told] for part in parts))
    merged["quick"] = any(part["quick"] for part in parts)
    merged["benchmarks"] = list({key(r): r for part in parts for r in part["benchmarks"]}.values())
    return merged


# Comparing


def key(record):
    return f"{record['program']}: {record['name']}"


def figure(record):
    """More is better."""
    return record["items_per_second"] or 1 / record["seconds"]


def compare(results, baseline):
    """(name, baseline's figure, figure, ratio) of what both have, the slowest first; and names that one of them lacks."""
    old = {key(r): figure(r) for r in baseline["benchmarks"]}
    new = {key(r): figure(r) for r in results["benchmarks"]}
    rows = sorted(((name, old[name], new[name], new[name] / old[name]) for name in old.keys() & new.keys()),
                  key=lambda row: row[3])
    return rows, sorted(old.keys() ^ new.keys())


# Plots


def ticks(low, high, logarithmic):
    if logarithmic:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        factors = (1, 2, 5) if last - first <= 3 else (1,)
        values = [f * 10.0**e for e in range(first, last + 1) for f in factors]
    else:
        step = 10 ** math.floor(math.log10(high / 4))
        step = next(s for s in (step, 2 * step, 5 * step, 10 * step) if high / s <= 6)
        values = [i * step for i in range(math.ceil(high / step) + 1)]
    # One tick beyond each end, so that the line between them has room.
    below = [v for v in values if v <= low * (1 + 1e-9)]
    above = [v for v in values if v >= high * (1 - 1e-9)]
    return [v for v in values if (not below or v >= below[-1]) and (not above or v <= above[0])]


def readable(value):
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


COLOURS = ("#1f6fb4", "#d9730d", "#3a923a", "#b13c3c", "#7d5ba6", "#6f6f6f", "#c2a700", "#0f9d9d")


def line_plot(title, x_label, y_label, series, log_x=None, log_y=False):
    """An SVG of (label, [(x, y)]) series. log_x 2: x is an exponent of two; log_x 10: a decimal logarithmic axis."""
    width, height, left, right, top, bottom = 640, 360, 72, 170, 36, 52
    points = [p for _, line in series for p in line]
    x_scale = math.log10 if log_x == 10 else float
    xs = [x_scale(x) for x, _ in points]
    x_low, x_high = min(xs), max(xs)
    if x_low == x_high:
        x_low, x_high = x_low - 1, x_high + 1
    ys = [y for _, y in points]
    y_ticks = ticks(min(ys) if log_y else 0, max(ys), log_y)
    y_scale = math.log10 if log_y else float
    y_low, y_high = y_scale(y_ticks[0]), y_scale(y_ticks[-1])
    if y_low == y_high:
        y_high = y_low + 1
    at_x = lambda x: left + (x_scale(x) - x_low) / (x_high - x_low) * (width - left - right)
    at_y = lambda y: height - bottom - (y_scale(y) - y_low) / (y_high - y_low) * (height - top - bottom)

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
           f'font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>']
    for y in y_ticks:
        svg.append(f'<line x1="{left}" x2="{width - right}" y1="{at_y(y):.1f}" y2="{at_y(y):.1f}" stroke="#ddd"/>')
        svg.append(f'<text x="{left - 6}" y="{at_y(y) + 4:.1f}" text-anchor="end">{readable(y)}</text>')
    for x in sorted({x for x, _ in points}):
        label = f'2<tspan dy="-4" font-size="9">{x}</tspan>' if log_x == 2 else readable(x)
        svg.append(f'<text x="{at_x(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">{label}</text>')
    svg.append(f'<text x="{(left + width - right) / 2}" y="{height - 12}" text-anchor="middle">{escape(x_label)}</text>')
    svg.append(f'<text transform="translate(16 {(top + height - bottom) / 2}) rotate(-90)" '
               f'text-anchor="middle">{escape(y_label)}</text>')
    for i, (label, line) in enumerate(series):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in line)
        svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        svg += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        svg.append(f'<rect x="{width - right + 14}" y="{top + 18 * i}" width="12" height="12" fill="{colour}"/>')
        svg.append(f'<text x="{width - right + 32}" y="{top + 18 * i + 10}">{escape(label)}</text>')
    return "\n".join([*svg, "</svg>", ""])


def bar_plot(title, unit, bars):
    """An SVG of (label, value) bars."""
    width, left, right, row, top = 640, 130, 90, 24, 36
    high = max(value for _, value in bars)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top + row * len(bars) + 8}" '
           f'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{top + row * len(bars) + 8}" fill="white"/>',
           f'<text x="12" y="20" font-size="14" font-weight="bold">{escape(title)}</text>']
    for i, (label, value) in enumerate(bars):
        y = top + row * i
        length = value / high * (width - left - right)
        svg.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        svg.append(f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="16" fill="{COLOURS[0]}"/>')
        svg.append(f'<text x="{left + length + 6:.1f}" y="{y + 14}">{readable(value)} {escape(unit)}</text>')
    return "\n".join([*svg, "</svg>", ""])


def by_size(results, program, pattern, value):
    """[(size, value)] of the benches whose names match; the pattern's first group is the size."""
    found = []
    for record in results["benchmarks"]:
        match = record["program"] == program and re.fullmatch(pattern, record["name"])
        if match:
            found.append((int(match[1]), value(record)))
    return sorted(found, key=lambda pair: pair[0])


def plots(results):
    """SVGs by file name."""
    counter = lambda name: lambda record: record["counters"][name]
    drawn = {}

    lines = []
    for label, kind in (("full", "Msm/bn254/full"), ("full, tables", "MsmPrecomputed/bn254/full"),
                        ("full, Grumpkin", "Msm/grumpkin/full"), ("64 bits", "Msm/bn254/u64"),
                        ("like a witness", "Msm/bn254/witness"), ("bits", "Msm/bn254/bit")):
        lines.append((label, by_size(results, "msm", rf"{kind}/(\d+)/threads:1", lambda r: r["items_per_second"])))
    lines = [line for line in lines if line[1]]
    if lines:
        drawn["msm.svg"] = line_plot("Multi-scalar multiplication, one thread", "scalars", "points a second", lines,
                                     log_x=2, log_y=True)

    steps = by_size(results, "ivc", r"Step/(\d+)", lambda r: r["seconds"])
    verifications = by_size(results, "ivc", r"Verify/(\d+)", lambda r: r["seconds"])
    lines = [line for line in (("step", steps), ("verification", verifications)) if line[1]]
    if lines:
        drawn["ivc_seconds.svg"] = line_plot("A fold step, and verifying what they lead to", "constraints of a step",
                                             "seconds", lines, log_x=2, log_y=True)
    if steps:
        rates = by_size(results, "ivc", r"Step/(\d+)", counter("cycles_per_second"))
        drawn["ivc_rate.svg"] = line_plot("Proving rate by size of the fold step", "constraints of a step",
                                          "cycles a second", [("cycles a second", rates)], log_x=2)
        phases = ("commit_stage1", "witness", "commit_blocks", "secondary_fold", "primary_circuit", "cross_term",
                  "fold", "secondary_circuit")
        lines = [(phase, by_size(results, "ivc", r"Step/(\d+)", counter(phase))) for phase in phases]
        drawn["ivc_phases.svg"] = line_plot("A fold step by phase", "constraints of a step", "seconds", lines,
                                            log_x=2, log_y=True)

    lengths = sorted((r for r in results["benchmarks"] if r["name"].startswith("ProveLength/")),
                     key=lambda r: r["counters"]["cycles"])
    if lengths:
        curve = lambda value: [(r["counters"]["cycles"], value(r)) for r in lengths]
        drawn["prove_seconds.svg"] = line_plot(
            "Proving and verifying by length of the trace", "cycles", "seconds",
            [("proving", curve(lambda r: r["seconds"])), ("verification", curve(counter("verify_seconds")))],
            log_x=10, log_y=True)
        drawn["prove_memory.svg"] = line_plot(
            "Peak memory and proof size by length of the trace", "cycles", "MiB",
            [("peak memory", curve(lambda r: r["counters"]["peak_rss_bytes"] / 2**20)),
             ("proof", curve(lambda r: r["counters"]["proof_bytes"] / 2**20))], log_x=10)
    guests = [(r["name"].split("/")[1], r["items_per_second"]) for r in results["benchmarks"]
              if r["name"].startswith("Prove/")]
    if guests:
        drawn["prove_guests.svg"] = bar_plot("Proving end to end, by guest", "cycles/s", guests)
    return drawn


# The report


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join([" --- "] + [" ---: "] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def seconds_text(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def cost_model(results):
    """Rows (size, phase, seconds, seconds by the rate of commitments alone, ratio) of the IVC's phases of which that is
    the bound, and of whole steps."""
    rate = {}
    for kind in ("full", "witness"):
        for size, value in by_size(results, "msm", rf"Msm/bn254/{kind}/(\d+)/threads:2", figure):
            rate[kind, size] = value
    rows = []
    for size, record in by_size(results, "ivc", r"Step/(\d+)", lambda r: r):
        counters = record["counters"]
        bounds = []
        for phase, scalars, kind in (("commit_stage1", "stage1", "witness"), ("commit_blocks", "stage2", "full"),
                                     ("cross_term", "constraints", "full")):
            near = [s for k, s in rate if k == kind]
            if not near:
                continue
            # The rate at the next size measured: it changes little from one to the next.
            bound = counters[scalars] / rate[kind, min(near, key=lambda s: abs(s - size))]
            bounds.append(bound)
            rows.append((size, phase, counters[phase], bound, counters[phase] / bound))
        if len(bounds) == 3:
            rows.append((size, "whole step", record["seconds"], sum(bounds), record["seconds"] / sum(bounds)))
    return rows


def report(results, drawn, baseline, fail_below):
    """The text of the report."""
    host = results["machine"]
    described = f"{host['processor']}, {host['cores']} cores"
    if "family" in host:
        described += f" (family {host['family']})"
    if "memory_bytes" in host:
        described += f", {host['memory_bytes'] / 2**30:.0f} GiB"
    if host.get("instructions"):
        described += f", {' '.join(host['instructions'])}"
    text = ["# Benches\n", table(("", ""), [
        ("machine", described), ("load before", f"{host.get('load', 'unknown')}"), ("date", results["date"]),
        ("commit", results["commit"]), ("command", f"`{results['command']}`"),
        ("kind", "quick: rough figures" if results["quick"] else "full")]).replace("---: ", "--- ")]
    if baseline is not None:
        rows, missing = compare(results, baseline)
        text.append("## Against the baseline\n")
        text.append(f"Commit {baseline['commit']}, {baseline['date']}. A ratio below 1 is slower.\n")
        different = [k for k in ("processor", "cores") if baseline["machine"].get(k) != host.get(k)]
        if different:
            text.append(f"**The baseline is of another machine** ({', '.join(different)}).\n")
        if fail_below is not None:
            slow = sum(1 for row in rows if row[3] < fail_below)
            text.append(f"{slow} of {len(rows)} are below {fail_below}.\n")
        mark = lambda ratio: f"**{ratio:.3f}**" if fail_below is not None and ratio < fail_below else f"{ratio:.3f}"
        text.append(table(("bench", "baseline, 1/s", "now, 1/s", "ratio"),
                          [(name, readable(a), readable(b), mark(r)) for name, a, b, r in rows]))
        if missing:
            text.append("Only in one of the two: " + ", ".join(missing) + ".\n")
    if drawn:
        text.append("## Growth\n")
        text += [f"![{name}]({name})\n" for name in drawn]
    model = cost_model(results)
    if model:
        text.append("## Fold steps against the cost of their commitments alone\n")
        text.append(table(("phase", "seconds", "scalars / rate of commitments", "ratio"),
                          [(f"2^{size} {phase}", seconds_text(a), seconds_text(b), f"{r:.2f}")
                           for size, phase, a, b, r in model]))
    for program in dict.fromkeys(r["program"] for r in results["benchmarks"]):
        text.append(f"## {program}\n")
        rows = []
        for record in results["benchmarks"]:
            if record["program"] != program:
                continue
            rate = record["items_per_second"]
            counters = ", ".join(f"{k} {readable(v)}" for k, v in record["counters"].items())
            rows.append((record["name"], seconds_text(record["seconds"]), readable(rate) if rate else "", counters))
        text.append(table(("bench", "time", "items a second", "counters"), rows))
    return "\n".join(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", metavar="DIR",
                        help="the build whose bench/ is run (default: build/release)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench-report", metavar="DIR",
                        help="where to write (default: build/bench-report)")
    parser.add_argument("--only", action="extend", nargs="+", metavar="NAME", help="run these programs alone")
    parser.add_argument("--filter", metavar="REGEX", help="run only benches whose names match")
    parser.add_argument("--min-time", type=float, metavar="S", help="measure each bench for so many seconds at least")
    parser.add_argument("--quick", action="store_true", help="a small selection, rough figures: for CI")
    parser.add_argument("--from", dest="sources", nargs="+", metavar="FILE",
                        help="run nothing; report on results.json files of earlier runs, as if of one")
    parser.add_argument("--baseline", type=pathlib.Path, metavar="FILE", help="compare with this results.json")
    parser.add_argument("--fail-below", type=float, metavar="RATIO",
                        help="end with 1 if a figure is below RATIO times the baseline's")
    arguments = parser.parse_args()
    if arguments.fail_below is not None and arguments.baseline is None:
        parser.error("--fail-below needs a --baseline")
    if arguments.quick and arguments.min_time is None:
        arguments.min_time = 0.02
    return arguments


def main():
    arguments = parse_arguments()
    try:
        baseline = load(arguments.baseline) if arguments.baseline else None
        results = merge([load(path) for path in arguments.sources]) if arguments.sources else measure(arguments)
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        drawn = plots(results)
        for name, svg in drawn.items():
            (arguments.out / name).write_text(svg)
        (arguments.out / "report.md").write_text(report(results, drawn, baseline, arguments.fail_below))
        print(f"wrote {arguments.out / 'report.md'}", file=sys.stderr)
        if baseline is None:
            return 0
        rows, _ = compare(results, baseline)
        if not rows:
            raise Failure(2, f"{arguments.baseline} has no bench in common with these results")
        slow = [row for row in rows if arguments.fail_below is not None and row[3] < arguments.fail_below]
        for name, old, new, ratio in slow:
            print(f"slower: {name}: {readable(old)}/s before, {readable(new)}/s now, {ratio:.3f}", file=sys.stderr)
        return 1 if slow else 0
    except Failure as failure:
        print(f"bench/run.py: {failure}", file=sys.stderr)
        return failure.code
    except OSError as error:
        print(f"bench/run.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
