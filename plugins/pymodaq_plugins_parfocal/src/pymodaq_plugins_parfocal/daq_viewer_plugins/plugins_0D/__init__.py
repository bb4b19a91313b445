"""Viewers of numbers."""

from pathlib import Path

from pymodaq_plugins_parfocal.daq_viewer_plugins.plugins_0D import (
    daq_0Dviewer_ParfocalIq,
    daq_0Dviewer_ParfocalSampler,
)

path = Path(__file__)  # PyMoDAQ looks for plugins beside it

__all__ = ["daq_0Dviewer_ParfocalIq", "daq_0Dviewer_ParfocalSampler", "path"]
