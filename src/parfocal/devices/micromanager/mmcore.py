"""pymmcore-plus, imported where a core is opened and nowhere else, and the folder of device adapters."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from parfocal.core.errors import ConfigError, DeviceError, ParfocalError

INSTALL = "pip install 'parfocal[micromanager]'"
_ADAPTERS = "mmcore install"
_ENVIRONMENT = {
    "PYMM_SIGNALS_BACKEND": "psygnal",  # Qt's would queue them for a thread that serves no queue
    "PYMM_LOG_FILE": "0",  # what it has to say goes to the log of the service
    "PYMM_DISABLE_IPYTHON_COMPLETIONS": "1",
}


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn whatever Micro-Manager raises into a `DeviceError` that says what it was asked."""
    try:
        yield
    except ParfocalError:
        raise
    except Exception as error:  # border to code of others
        told = " ".join(str(error).split())
        raise DeviceError(f"Micro-Manager could not {what}: {told or type(error).__name__}") from error


def new_core(adapters: str) -> Any:
    """Return a core without devices.

    Parameters
    ----------
    adapters : str
        Folder of device adapters; "" for the one that pymmcore-plus finds.

    Raises
    ------
    ConfigError
        If there is no such folder.
    DeviceError
        If pymmcore-plus is not installed, or no adapters are.
    """
    os.environ.update(_ENVIRONMENT)
    try:
        plus = importlib.import_module("pymmcore_plus")
        unicore = importlib.import_module("pymmcore_plus.experimental.unicore")
    except ModuleNotFoundError as error:
        raise DeviceError(f"Micro-Manager's devices need pymmcore-plus: {INSTALL} ({error})") from error
    logging.getLogger("pymmcore-plus").setLevel(logging.WARNING)
    folder = adapters_folder(plus, adapters)
    with asking("make a core"):
        core = unicore.UniMMCore()
        core.setDeviceAdapterSearchPaths([str(folder)])
    return core


def adapters_folder(plus: Any, adapters: str) -> Path:
    """Return the folder of device adapters; raises as `new_core`."""
    if adapters:
        folder = Path(adapters).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"adapters: there is no folder {adapters!r}")
        return folder
    found = plus.find_micromanager()
    if found is None:
        raise DeviceError(
            f"no device adapters of Micro-Manager are found: run `{_ADAPTERS}`, or name their folder in the "
            "option adapters"
        )
    return Path(found)


def library_versions() -> dict[str, str]:
    """Return the versions of pymmcore-plus and of the core; nothing if they are not installed."""
    try:
        return {name: version(name) for name in ("pymmcore-plus", "pymmcore")}
    except PackageNotFoundError:
        return {}
