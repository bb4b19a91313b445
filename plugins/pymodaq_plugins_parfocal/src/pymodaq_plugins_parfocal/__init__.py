"""PyMoDAQ plugins for the instruments that a parfocal rig shares."""

from importlib.metadata import version

from pymodaq_utils.config import GlobalConfig

__version__ = version(__name__)
config = GlobalConfig()
"""PyMoDAQ's configuration; ``config("parfocal", "board", "rig")`` is of `utils.Config`."""
