"""Heights through which a stage steps by itself, one at each exposure of the camera."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.micromanager.library import asking

if TYPE_CHECKING:
    from parfocal.devices.micromanager.core import Core

_log = logging.getLogger(__name__)


class ExpectedSequence(msgspec.Struct, frozen=True, kw_only=True):
    """What the next sequence of a camera is for.

    Attributes
    ----------
    events : tuple of int
        Numbers of the plan's events, a frame each.
    stage : str
        Label of the stage that steps; "" if none does.
    heights_um : tuple of float
        Where it stands at each frame.
    """

    events: tuple[int, ...]
    stage: str = ""
    heights_um: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.heights_um and len(self.heights_um) != len(self.events):
            raise BadInputError(f"{len(self.events)} events have as many heights, not {len(self.heights_um)}")


class HeightSequence:
    """Loads heights into a stage and has it wait for the camera; a stage may be asked only where it can.

    Parameters
    ----------
    core : Core
        Of the stage.
    stage : str
        Its label.
    heights_um : tuple of float
        One for each frame.
    """

    def __init__(self, core: Core, stage: str, heights_um: tuple[float, ...]) -> None:
        self._mmc: Any = core.mmc
        self._stage = stage
        most = core.most_heights(stage)
        if len(heights_um) > most:
            raise BadInputError(
                f"stage {stage!r} steps through {most} heights at most, not {len(heights_um)}"
            )
        with asking(f"have {stage!r} step through {len(heights_um)} heights"):
            self._mmc.loadStageSequence(stage, list(heights_um))
            self._mmc.startStageSequence(stage)
        self._goes = True

    def stop(self) -> None:
        """End it; the stage stays where it is. Once more does nothing."""
        if not self._goes:
            return
        self._goes = False
        try:
            with asking(f"end the heights of {self._stage!r}"):
                self._mmc.stopStageSequence(self._stage)
        except DeviceError as error:  # border of a thread: the next move of it tells
            _log.error("%s", error)
