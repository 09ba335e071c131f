#!/usr/bin/env python3
"""Runs bench/run.py --quick on two small benches of a build, and checks what it writes and how it compares."""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv.pop(1))


def run(*arguments):
    return subprocess.run([sys.executable, ROOT / "bench/run.py", *arguments], capture_output=True, text=True,
                          check=False)


def record(program, name, seconds, items=None, **counters):
    return {"program": program, "name": name, "seconds": seconds, "items_per_second": items, "counters": counters}


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.done = run("--quick", "--build", BUILD, "--only", "machine", "poseidon", "--out", cls.folder / "measured")
        cls.file = cls.folder / "measured/results.json"
        cls.results = json.loads(cls.file.read_text()) if cls.file.exists() else None

    def write(self, name, results):
        path = self.folder / name
        path.write_text(json.dumps(results))
        return path

    def changed(self, name, factor):
        """The measured results with one bench's figure multiplied."""
        results = copy.deepcopy(self.results)
        found = [r for r in results["benchmarks"] if r["name"] == name]
        self.assertEqual(len(found), 1, name)
        found[0]["items_per_second"] *= factor
        return results

    def test_measures_what_quick_selects(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        self.assertEqual({r["program"] for r in self.results["benchmarks"]}, {"machine", "poseidon"})
        names = {r["name"] for r in self.results["benchmarks"]}
        self.assertLessEqual({"Execute/sha256", "Trace/sha256", "Permute/fr/3", "PermutePlain/fq/3"}, names)
        self.assertNotIn("Permute/fr/9", names)
        for measured in self.results["benchmarks"]:
            self.assertGreater(measured["seconds"], 0)
            self.assertGreater(measured["items_per_second"], 0)
        self.assertEqual(self.results["benchmarks"][-1]["counters"].keys(), set())
        trace = next(r for r in self.results["benchmarks"] if r["name"] == "Trace/sha256")
        self.assertEqual(trace["counters"]["bytes_per_row"], 32)

    def test_report_names_where_it_comes_from(self):
        report = (self.folder / "measured/report.md").read_text()
        for part in (self.results["machine"]["processor"], self.results["date"], self.results["commit"],
                     self.results["command"], "quick", "| Permute/fr/3 |"):
            self.assertIn(part, report)

    def test_an_unchanged_bench_is_no_regression(self):
        done = run("--from", self.file, "--baseline", self.file, "--fail-below", "0.99", "--out", self.folder / "same")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 of", (self.folder / "same/report.md").read_text())

    def test_a_regression_is_reported(self):
        baseline = self.write("faster.json", self.changed("Permute/fr/3", 2))
        arguments = ("--from", self.file, "--baseline", baseline, "--out", self.folder / "slow")
        done = run(*arguments, "--fail-below", "0.9")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("slower: poseidon: Permute/fr/3", done.stderr)
        report = (self.folder / "slow/report.md").read_text()
        self.assertRegex(report, r"\| poseidon: Permute/fr/3 \|[^\n]*\*\*0\.500\*\*")
        self.assertIn("1 of", report)
        self.assertEqual(run(*arguments, "--fail-below", "0.4").returncode, 0)
        self.assertEqual(run(*arguments).returncode, 0)

    def test_a_gain_is_no_regression(self):
        baseline = self.write("slower.json", self.changed("Permute/fr/3", 0.5))
        done = run("--from", self.file, "--baseline", baseline, "--fail-below", "0.99", "--out", self.folder / "gain")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_plots_growth(self):
        results = dict(self.results)
        results["benchmarks"] = [
            record("msm", f"Msm/bn254/{kind}/{size}/threads:{threads}", 1, 1e6 * size * threads)
            for kind in ("full", "witness") for size in (14, 17) for threads in (1, 2)
        ] + [
            record("ivc", f"Step/{size}", 0.1, cycles_per_second=7e4, commit_stage1=0.01, witness=0.02,
                   commit_blocks=0.04, secondary_fold=0.01, primary_circuit=0.01, cross_term=0.05, fold=0.01,
                   secondary_circuit=0.01, constraints=2.0**size, stage1=2.0**size, stage2=2.0**size)
            for size in (16, 17)
        ] + [
            record("prove", f"ProveLength/{size}", 2.0**size / 7e4, 7e4, cycles=2.0**size, verify_seconds=0.2,
                   peak_rss_bytes=2e8, proof_bytes=1.2e7) for size in (12, 20)
        ] + [record("prove", "Prove/<guest>", 3, 7e4)]
        done = run("--from", self.write("made_up.json", results), "--out", self.folder / "plots")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = (self.folder / "plots/report.md").read_text()
        drawn = sorted((self.folder / "plots").glob("*.svg"))
        self.assertEqual([p.name for p in drawn],
                         ["ivc_phases.svg", "ivc_rate.svg", "ivc_seconds.svg", "msm.svg", "prove_guests.svg",
                          "prove_memory.svg", "prove_seconds.svg"])
        for path in drawn:
            self.assertIn(f"({path.name})", report)
            root = xml.etree.ElementTree.parse(path).getroot()
            width, height = (float(v) for v in root.get("viewBox").split()[2:])
            for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
                self.assertTrue(0 <= float(circle.get("cx")) <= width, path)
                self.assertTrue(0 <= float(circle.get("cy")) <= height, path)
        msm = (self.folder / "plots/msm.svg").read_text()
        self.assertEqual(msm.count("<circle"), 4)  # one thread, two kinds, two sizes
        # 2^17 constraints at 2·17 million points a second against 50 ms.
        self.assertRegex(report, rf"\| 2\^17 cross_term \| 50 ms \| {2**17 / 34e6 * 1e3:.3g} ms \| 12\.97 \|")

    def test_refuses_what_it_cannot_use(self):
        for arguments, reason in (
            (("--build", self.folder, "--out", self.folder / "x"), "build the project first"),
            (("--build", BUILD, "--only", "nothing"), "no such bench"),
            (("--fail-below", "0.9"), "needs a --baseline"),
            (("--from", self.folder / "absent.json"), "absent.json"),
            (("--from", self.write("other.json", {"format": 0})), "format 0"),
            (("--from", self.write("part.json", {"format": 1, "benchmarks": [{"name": "x"}]})), "no results"),
        ):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(reason, done.stderr)


if __name__ == "__main__":
    unittest.main()
