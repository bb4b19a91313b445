"""The command line: a few lines each over `parfocal.rig`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; return the exit code."""
    try:
        from parfocal.cli.app import run
    except KeyboardInterrupt:  # Ctrl-C while it is imported, which takes seconds on a busy machine
        sys.stderr.write("parfocal: interrupted; nothing had begun\n")
        return 130  # `Exit.INTERRUPTED`, which may not be imported yet
    return run()
