"""The measured times of a rig on the disk: they outlive the service of its runs, and the rig."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.core.files import replace_file
from parfocal.runs.forecast.measured_times import MeasuredTimes

if TYPE_CHECKING:
    import logging
    from pathlib import Path

_FORMAT = 1


class KeptMeasurements(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file holds: measurements by name, each a distance (um) and a duration (s)."""

    format: int
    measured: dict[str, list[tuple[float, float]]]


class TimesFile:
    """Keeps measured times in a file that is replaced in one step. One thread.

    Parameters
    ----------
    path : Path
        The file; its folder is made when there is something to keep.
    log : logging.Logger
        Told of a file that cannot be read or written: measurements are begun anew, or not kept.

    Examples
    --------
    >>> import logging, pathlib, tempfile
    >>> from parfocal.runs.forecast.device_times import DeviceTimes
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> measured = MeasuredTimes()
    >>> measured.saw_exposure(0.25, DeviceTimes())
    >>> TimesFile(folder / "runs.times.json", logging.getLogger()).keep(measured)
    >>> TimesFile(folder / "runs.times.json", logging.getLogger()).read().measurements()
    {'before camera': [(0.0, 0.25)]}
    """

    def __init__(self, path: Path, log: logging.Logger) -> None:
        self._path, self._log = path, log
        self._kept: dict[str, list[tuple[float, float]]] = {}

    def read(self) -> MeasuredTimes:
        """Return what was kept; nothing if there is no file, or one that cannot be read."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=KeptMeasurements)
            if found.format != _FORMAT:
                raise ValueError(f"its format is {found.format}, not {_FORMAT}")
        except FileNotFoundError:
            return MeasuredTimes()
        except (OSError, ValueError) as error:  # what msgspec raises is a ValueError
            self._log.warning(
                "the measured times of the devices in %s cannot be read, and are begun anew: %s",
                self._path,
                error,
            )
            return MeasuredTimes()
        self._kept = found.measured
        return MeasuredTimes(found.measured)

    def keep(self, measured: MeasuredTimes) -> None:
        """Write down what was measured, if that is anything new."""
        measurements = measured.measurements()
        if measurements == self._kept:
            return
        content = msgspec.json.encode(KeptMeasurements(format=_FORMAT, measured=measurements))
        self._kept = measurements
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, content)
        except OSError as error:
            self._log.warning("the measured times of the devices are not kept in %s: %s", self._path, error)
