"""Runs of a simulated laboratory while its processes are killed, and which promises hold."""

from parfocal.rig.chaos.chaos import run_chaos
from parfocal.rig.chaos.promises import Breach, ChaosReport

__all__ = ["Breach", "ChaosReport", "run_chaos"]
