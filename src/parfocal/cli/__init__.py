"""The command line: a few lines each over `parfocal.rig`."""

from __future__ import annotations


def main() -> int:
    """Run the command line; return the exit code."""
    from parfocal.cli.app import run

    return run()
