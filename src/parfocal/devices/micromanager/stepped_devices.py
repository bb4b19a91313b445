"""Devices that step by themselves from frame to frame of a sequence, timed by the camera."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import DeviceError
from parfocal.devices.micromanager.mmcore import asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.sequences import ExpectedSequence
    from parfocal.devices.micromanager.core import Core

_log = logging.getLogger(__name__)


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
        self._mmc = core.mmc
        try:
            self._step_stages(expected)
            self._step_exposure(core.camera(), expected.exposures_ms)
            for (device, name), values in core.stepped_values(expected.group, expected.presets).items():
                with asking(f"have {name} of {device!r} step through {len(values)} values"):
                    self._mmc.loadPropertySequence(device, name, values)
                    self._mmc.startPropertySequence(device, name)
                self._stops.append(partial(self._mmc.stopPropertySequence, device, name))
        except BaseException:
            self.stop()
            raise

    def _step_stages(self, expected: ExpectedSequence) -> None:
        mmc, stage, xy_stage = self._mmc, expected.stage, expected.xy_stage
        if expected.heights_um:
            with asking(f"have {stage!r} step through {len(expected.heights_um)} heights"):
                mmc.loadStageSequence(stage, [*expected.heights_um])
                mmc.startStageSequence(stage)
            self._stops.append(partial(mmc.stopStageSequence, stage))
        if expected.places_um:
            x_um, y_um = map(list, zip(*expected.places_um, strict=True))
            with asking(f"have {xy_stage!r} step through {len(x_um)} places"):
                mmc.loadXYStageSequence(xy_stage, x_um, y_um)
                mmc.startXYStageSequence(xy_stage)
            self._stops.append(partial(mmc.stopXYStageSequence, xy_stage))

    def _step_exposure(self, camera: str, exposures_ms: tuple[float, ...]) -> None:
        """Have the camera step through exposures; afterwards it has the first one again."""
        if len(set(exposures_ms)) < 2:
            return
        with asking(f"have {camera!r} step through {len(exposures_ms)} exposures"):
            self._mmc.loadExposureSequence(camera, [*exposures_ms])
            self._mmc.startExposureSequence(camera)
        self._stops.append(partial(self._mmc.setExposure, camera, exposures_ms[0]))
        self._stops.append(partial(self._mmc.stopExposureSequence, camera))

    def stop(self) -> None:
        """End it; each device stays where it is. Once more does nothing. Any thread."""
        with suppress(IndexError):  # whoever has the last frame, and whoever cuts it, may end it at once
            while True:
                stop = self._stops.pop()
                try:
                    with asking("end a sequence of a device"):
                        stop()
                except DeviceError as error:  # border of a thread: the next change of it tells
                    _log.error("%s", error)
