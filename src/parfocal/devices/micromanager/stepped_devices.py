"""Devices that step by themselves from frame to frame of a sequence, timed by the camera."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.micromanager.mmcore import asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.devices.micromanager.core import Core

_log = logging.getLogger(__name__)


class ExpectedSequence(msgspec.Struct, frozen=True, kw_only=True):
    """What the next sequence of a camera is for.

    Attributes
    ----------
    events : tuple of int
        Numbers of the plan's events, a frame each.
    stage : str
        Label of the stage that steps.
    heights_um : tuple of float
        Where it stands at each frame; empty: it stays.
    group : str
        Config group of the presets.
    presets : tuple of str
        That of each frame; empty: nothing is changed.
    """

    events: tuple[int, ...]
    stage: str = ""
    heights_um: tuple[float, ...] = ()
    group: str = ""
    presets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("heights_um", "presets"):
            count = len(getattr(self, name))
            if count not in (0, len(self.events)):
                raise BadInputError(f"{len(self.events)} events have as many {name}, not {count}")


class SteppedDevices:
    """Loads what each device does at each frame, and has it wait for the camera.

    Parameters
    ----------
    core : Core
        Of the devices.
    expected : ExpectedSequence
        What they do.

    Raises
    ------
    DeviceError
        If one of them cannot do that by itself; then none waits.
    """

    def __init__(self, core: Core, expected: ExpectedSequence) -> None:
        self._stops: list[Callable[[], Any]] = []
        mmc, stage = core.mmc, expected.stage
        try:
            if expected.heights_um:
                with asking(f"have {stage!r} step through {len(expected.heights_um)} heights"):
                    mmc.loadStageSequence(stage, list(expected.heights_um))
                    mmc.startStageSequence(stage)
                self._stops.append(partial(mmc.stopStageSequence, stage))
            for (device, name), values in core.stepped_values(expected.group, expected.presets).items():
                with asking(f"have {name} of {device!r} step through {len(values)} values"):
                    mmc.loadPropertySequence(device, name, values)
                    mmc.startPropertySequence(device, name)
                self._stops.append(partial(mmc.stopPropertySequence, device, name))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; each device stays where it is. Once more does nothing."""
        while self._stops:
            stop = self._stops.pop()
            try:
                with asking("end a sequence of a device"):
                    stop()
            except DeviceError as error:  # border of a thread: the next change of it tells
                _log.error("%s", error)
