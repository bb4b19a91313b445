"""The calibration of a modulator, kept where it outlives its rig."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.errors import DeviceError, ParfocalError
from parfocal.core.files import replace_file
from parfocal.core.modulation import ModulatorCalibration

if TYPE_CHECKING:
    from pathlib import Path


def save_calibration(path: Path, calibration: ModulatorCalibration) -> None:
    """Write it as JSON: whoever reads finds the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(calibration), indent=2)
    replace_file(path, text + b"\n", durable=True)


def load_calibration(path: Path) -> ModulatorCalibration | None:
    """Return what was saved; None if nothing was.

    Raises
    ------
    DeviceError
        If the file holds no calibration; names it.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModulatorCalibration)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ParfocalError) as error:
        raise DeviceError(f"{path} holds no calibration ({error}): calibrate again, or remove it") from error
