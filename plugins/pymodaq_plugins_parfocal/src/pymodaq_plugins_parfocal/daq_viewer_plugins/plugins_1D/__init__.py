"""Viewers of curves."""

from pathlib import Path

from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_1D import daq_1Dviewer_ParfocalScope

path = Path(__file__)  # PyMoDAQ looks for plugins beside it

__all__ = ["daq_1Dviewer_ParfocalScope", "path"]
