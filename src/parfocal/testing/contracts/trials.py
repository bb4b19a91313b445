"""A class of devices, named as in a rig file, tried on this machine's clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import DeviceError, ParfocalError
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import check_settings, load_device
from parfocal.testing.contracts.examine import Verdict, examine, kind_of
from parfocal.testing.contracts.promise import Needs


def try_device(name: str, options: Mapping[str, Any], allowed: Collection[str]) -> tuple[str, list[Verdict]]:
    """Try every promise of a device, on the machine's clock and in a folder of its own.

    Parameters
    ----------
    name : str
        A short name, or ``package.module:Class``.
    options : mapping
        Its settings.
    allowed : collection of str
        "motion", "light", or both; a camera may always expose.

    Returns
    -------
    kind : str
        "camera", "stage", "light", "channels" or "modulator".
    verdicts : list of Verdict
        One for each promise.

    Raises
    ------
    ConfigError
        If there is no such device, or it doesn't take these options.
    BadInputError
        If it is no device of these kinds.
    DeviceError
        If its constructor raises.
    """
    device_class = load_device(name)
    settings = check_settings(name, options)
    needs = cast("list[Needs]", ["exposure", *allowed])
    with TemporaryDirectory() as folder:
        context = DeviceContext(clock=SYSTEM_CLOCK, folder=Path(folder))
        try:
            device = device_class(settings, context)
        except ParfocalError:
            raise
        except Exception as error:  # border to code of others
            raise DeviceError(f"{name} cannot be constructed: {type(error).__name__}: {error}") from error
        promises = kind_of(device)
        return promises.kind, list(
            examine(lambda: device_class(settings, context), promises, SYSTEM_CLOCK, needs)
        )
