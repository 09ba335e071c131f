"""How programs of unittest cases end, so that ctest tells what was skipped from what passed."""

import os
import sys
import unittest

SKIPPED = 77


def main():
    """Runs the cases of the calling program; exit status 77 if none failed and one was skipped."""
    result = unittest.main(exit=False).result
    for case, reason in result.skipped:
        print(f"skipped: {case}: {reason}")
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by the interpreter's end, which waits for threads of gRPC that may hang.
    os._exit(1 if not result.wasSuccessful() else SKIPPED if result.skipped else 0)
