"""Runs of a simulated laboratory while its processes are killed, and which promises hold."""

from parfocal.rig.chaos.chaos import run_chaos
from parfocal.rig.chaos.promises import BrokenPromise, ChaosReport

__all__ = ["BrokenPromise", "ChaosReport", "run_chaos"]
