"""The configuration file of these plugins, under the name that PyMoDAQ looks for."""

from pathlib import Path

from pymodaq_utils.config import BaseConfig


class Config(BaseConfig):
    """Which rig the plugins attach to when nothing else is set: ``config_parfocal.toml``."""

    config_template_path = Path(__file__).parent / "resources" / "config_template.toml"
    config_name = "config_parfocal"
