"""The options that all runs have during which the camera exposes freely: what is recorded, where, and how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Group, Parameter

from parfocal.cli.run import carry_out
from parfocal.runs.acquisition_mode import AcquisitionMode

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from parfocal.runs.handle import RunHandle


@Parameter(name="*", group=Group("Record", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """What is recorded of a run, and how it is followed.

    Parameters
    ----------
    mode
        What is recorded beside the rows of devices: tracks, tracks+roi-video, tracks+video, roi-video or
        video. The video of the regions shows the beads that there are when it begins.
    out
        Folder for the run's own new folder; by default where the rig's recorder puts its runs.
    name
        Of the run, and of its folder.
    live
        It is seen, and nothing of it is stored.
    force
        Use instruments although another run, or another program, holds them; the record says so.
    detach
        Return when the run has begun. It goes on, and so does its rig, in the background.
    json
        Print what it came to, and its final status, as one JSON object in the last line.
    """

    mode: AcquisitionMode = "tracks"
    out: Path | None = None
    name: str = ""
    live: bool = False
    force: bool = False
    detach: bool = False
    json: bool = False

    def carry_out(self, rig: str, start: Callable[..., RunHandle], **arguments: Any) -> int:
        """Start a run by a method of `Rig`, with its own arguments and these, and follow it."""
        folder = "" if self.out is None else self.out
        recorded = {
            "mode": self.mode,
            "name": self.name,
            "folder": folder,
            "save": not self.live,
            "force": self.force,
        }
        return carry_out(rig, partial(start, **arguments, **recorded), detach=self.detach, json=self.json)


RECORDED = RecordOptions()
