"""The actuators."""

from pathlib import Path

from pymodaq_plugins_parfocal.daq_move_plugins import daq_move_ParfocalAsg, daq_move_ParfocalPid

path = Path(__file__)  # PyMoDAQ looks for plugins beside it

__all__ = ["daq_move_ParfocalAsg", "daq_move_ParfocalPid", "path"]
