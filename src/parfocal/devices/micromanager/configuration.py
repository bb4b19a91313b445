"""A configuration of Micro-Manager (a ``.cfg``), loaded whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import ConfigError, DeviceError
from parfocal.devices.micromanager.mmcore import asking

if TYPE_CHECKING:
    from collections.abc import Iterable

DEMO = "demo"
"""Stands for the configuration of simulated devices that comes with Micro-Manager's adapters."""
_DEMO_FILE = "MMConfig_demo.cfg"
_CORE = "Core"
_LINE = re.compile(r" at line (\d+): '([^']*)'")


def configuration_path(name: str, folders: Iterable[str]) -> Path:
    """Return the file of a configuration; raises `ConfigError` if there is none.

    Parameters
    ----------
    name : str
        A path, or "demo".
    folders : iterable of str
        Of the device adapters: that of the demo lies there.
    """
    if name != DEMO:
        path = Path(name).expanduser()
        if not path.is_file():
            raise ConfigError(f"there is no configuration {name!r}; name a .cfg of Micro-Manager, or 'demo'")
        return path
    paths = [Path(folder) / _DEMO_FILE for folder in folders]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise ConfigError(
            f"the device adapters bring no {_DEMO_FILE}: install mm-test-adapters, or name a .cfg"
        )
    return found


def load_configuration(core: Any, path: Path) -> None:
    """Load a configuration into a core; what was loaded before is gone, also if this fails.

    Raises
    ------
    DeviceError
        Naming the line that failed; or if it loads no devices.
    """
    try:
        core.loadSystemConfiguration(str(path))
    except Exception as error:  # border to code of others
        raise DeviceError(f"{path.name} does not load: {told_line(str(error))}") from error
    with asking("tell its devices"):
        devices = [name for name in core.getLoadedDevices() if name != _CORE]
    if not devices:
        raise DeviceError(f"{path.name} loads no devices: it has no line that begins with 'Device,'")


def told_line(told: str) -> str:
    r"""Return what Micro-Manager says of a configuration: the number of the line that failed, and why.

    Examples
    --------
    >>> told_line(
    ...     "Error in configuration file '/demo.cfg' at line 13: 'Device,Z,DemoCamera,DStag'\n"
    ...     "Error executing command 'Device' with arguments ['Z']: failed to instantiate"
    ... )
    'line 13 (Device,Z,DemoCamera,DStag): failed to instantiate'
    """
    text = " ".join(told.split())
    found = _LINE.search(text)
    if found is None:
        return text
    _, _, why = text[found.end() :].rpartition("]: ")
    return f"line {found[1]} ({found[2]}): {why or text[found.end() :].strip()}"
