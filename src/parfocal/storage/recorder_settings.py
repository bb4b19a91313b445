"""The settings of a recorder, and what follows from them: which streams it records, and how."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.event_layout import EventLayout
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.storage.ome_zarr import Codec
from parfocal.storage.requests import StreamRequest
from parfocal.storage.source import Policy
from parfocal.storage.tables import PartLimits

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

MB = 10**6
LEAST_FREE_MB = 500.0


class RecorderSettings(BaseModel):
    """What a recorder records, where to, and by which rules. Fixed while a run is recorded.

    Parameters
    ----------
    folder : Path
        Where runs go, each in a new folder of its own.
    frames : str or list of str
        The streams of frames to record, such as ["camera", "labels"]; none unless they are named. An empty
        list says that none is meant, and keeps the run from warning of it.
    rows : list of str
        The streams of rows to record, likewise.
    policies : dict
        For each stream what happens if the disk is too slow for it. Of those not named, frames that are
        stored by events have "block", as has what a run asks it for, all others "drop".
    on_storage_error : str
        Whether a full disk or a folder that vanished ends the run, and with it the acquisition.
    stop_calls : dict
        Which command of which service ends the acquisition, for `on_storage_error` "stop".
    codec : str
        How pixels are compressed, without loss.
    rows_per_part, seconds_per_part : int, float
        A file of rows is closed after so many rows or so long, at the end of a frame, as by `new_file`.
    least_free_mb : float
        A run does not begin with less than this free.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Path("runs")
    frames: str | tuple[str, ...] | None = None
    rows: tuple[str, ...] | None = None
    policies: dict[str, Policy] = {}
    on_storage_error: Literal["go on", "stop"] = "go on"
    stop_calls: dict[str, str] = {}
    codec: Codec = "blosc-lz4"
    rows_per_part: int = Field(2**20, ge=1)
    seconds_per_part: float = Field(300.0, gt=0)
    least_free_mb: float = Field(LEAST_FREE_MB, ge=0)

    @property
    def frame_streams(self) -> tuple[str, ...]:
        """The streams of frames to record."""
        if self.frames is None:
            return ()
        return (self.frames,) if isinstance(self.frames, str) else self.frames

    @property
    def row_streams(self) -> tuple[str, ...]:
        """The streams of rows to record."""
        return self.rows or ()

    @property
    def limits(self) -> PartLimits:
        """Of the parts of tables."""
        return PartLimits(rows=self.rows_per_part, seconds=self.seconds_per_part)

    def streams(
        self,
        events: Mapping[str, EventLayout],
        rows: Iterable[str] = (),
        blocking: Container[str] = (),
        frames: Iterable[str] | None = None,
        without: Container[str] = (),
        numbered_by: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[StreamRequest, ...]:
        """Return the streams to record: those of the settings, of `events`, and `rows`, each once.

        `frames` take the place of those of the settings; those in `without` are left out.
        Frames of the streams in `numbered_by` have the numbers of that service.

        Frames of the streams in `events` are stored by their events. A plan asks for each of them, so their
        camera waits for a slow disk unless `policies` says otherwise; so do the writers of `blocking`.
        """
        images = self.frame_streams if frames is None else tuple(frames)
        names = dict.fromkeys((*images, *events, *self.row_streams, *rows))
        return tuple(
            StreamRequest(
                name=name,
                policy=self.policies.get(name, "block" if name in events or name in blocking else "drop"),
                codec=self.codec,
                limits=self.limits,
                events=events.get(name),
                numbered_by=numbered_by.get(name, ""),
            )
            for name in names
            if name not in without
        )

    def warnings(
        self, wanted: Iterable[StreamRequest], written: Mapping[str, FrameSpec | RowSpec]
    ) -> tuple[str, ...]:
        """Return a line for each kind of stream that is written, but neither wanted nor left out on purpose.

        Examples
        --------
        >>> frames = FrameSpec(shape=(4, 4), dtype="uint16")
        >>> RecorderSettings(rows=["tracks"]).warnings([], {"camera": frames})
        ("no frames are recorded: the recorder's setting 'frames' names none of camera",)
        >>> RecorderSettings(rows=["tracks"], frames=[]).warnings([], {"camera": frames})
        ()
        """
        recorded = {request.name for request in wanted}
        kinds = ("frames", self.frames, FrameSpec), ("rows", self.rows, RowSpec)
        forgotten = {
            kind: [name for name, each in written.items() if type(each) is spec]
            for kind, chosen, spec in kinds
            if chosen is None
        }
        return tuple(
            f"no {kind} are recorded: the recorder's setting {kind!r} names none of {', '.join(names)}"
            for kind, names in forgotten.items()
            if names and not recorded & set(names)
        )
