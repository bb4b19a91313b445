"""The libraries that steps on cells need, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from parfocal.core.errors import ConfigError


def library(module: str, extra: str = "cells") -> Any:
    """Import and return a module, which ``parfocal[extra]`` brings.

    Raises
    ------
    ConfigError
        If it is not installed: says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0].replace("skimage", "scikit-image")
        raise ConfigError(f"this step needs {package}: install parfocal[{extra}]") from error
