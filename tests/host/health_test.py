"""The file by which a worker's health is checked."""

import subprocess
import time
import unittest

from network import *


class WorkerHealth(NetworkTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "health"

    def says(self, word):
        return lambda: self.file.exists() and self.file.read_text() == word + "\n"

    def test_tells_the_connection_and_that_the_worker_lives(self):
        orchestrator = self.orchestrator()
        worker = self.worker(orchestrator.address, "--health-file", self.file)
        wait_for(self.says("connected"), "connected")
        before = self.file.stat().st_mtime_ns
        wait_for(lambda: self.file.stat().st_mtime_ns > before, "written again", 5)
        orchestrator.kill()
        wait_for(self.says("disconnected"), "disconnected")
        before = self.file.stat().st_mtime_ns
        wait_for(lambda: self.file.stat().st_mtime_ns > before, "written again without a connection", 5)
        self.assertEqual(worker.end(), 0)
        self.assertFalse(self.file.exists())

    def test_grows_old_where_the_worker_hangs(self):
        worker = self.worker(self.orchestrator().address, "--health-file", self.file)
        wait_for(self.says("connected"), "connected")
        worker.process.send_signal(signal.SIGSTOP)
        try:
            before = self.file.stat().st_mtime_ns
            time.sleep(2.5)
            self.assertEqual(self.file.stat().st_mtime_ns, before)
        finally:
            worker.process.send_signal(signal.SIGCONT)

    def test_a_file_that_cannot_be_written_is_refused(self):
        done = subprocess.run([BINARY, "worker", "--orchestrator", "127.0.0.1:1", "--state", self.folder / "state",
                               "--estimate", "1", "--health-file", self.folder / "missing" / "health"],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 4)
        self.assertIn("missing/health: No such file", done.stderr)


if __name__ == "__main__":
    unittest.main()
