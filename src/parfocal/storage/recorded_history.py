"""What a run has recorded so far, for viewers that come late: the newest frames of events, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parfocal.storage.recorded_run import open_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader


@dataclass(frozen=True)
class HistoryFrame:
    """A frame as it was recorded: its stream, where it lies along t, p, c and z, its header, its pixels."""

    stream: str
    index: dict[str, int]
    header: FrameHeader
    data: NDArray[Any]


@dataclass(frozen=True)
class _Unread:
    """A frame on the disk."""

    stream: str
    index: dict[str, int]
    header: FrameHeader
    nbytes: int
    read: Callable[[], NDArray[Any]]


def recorded_history(folder: Path | str, most_bytes: int, after_ns: int = -1) -> Iterator[HistoryFrame]:
    """Yield frames of a run that were stored by their events, in the order of their exposures.

    Pixels are read one frame after the other, as they are asked for. Images come before what is made of
    them.

    Parameters
    ----------
    folder : path
        Of the run, which may go on.
    most_bytes : int
        Of all pixels together: the newest frames that fit.
    after_ns : int
        Only frames whose exposure ended later, on the clock of their headers.

    Raises
    ------
    BadInputError
        If the folder holds no run.
    """
    run = open_run(folder)
    found: list[_Unread] = []
    for stream, record in run.manifest.streams.items():
        if record.kind != "rows" and record.events is not None:
            frames = run.frames(stream)
            for index, header, read in frames.unread():
                if header.event >= 0 and header.time_ns > after_ns:
                    found.append(_Unread(stream, index, header, frames.frame_bytes, read))
    made = {stream: record.writer == "runs" for stream, record in run.manifest.streams.items()}
    found.sort(key=lambda each: (each.header.time_ns, made[each.stream]))
    for each in found[_first_that_fits(found, most_bytes) :]:
        yield HistoryFrame(each.stream, each.index, each.header, each.read())


def _first_that_fits(found: list[_Unread], most_bytes: int) -> int:
    """Return from where on all frames fit into so many bytes."""
    left = most_bytes
    for at in reversed(range(len(found))):
        left -= found[at].nbytes
        if left < 0:
            return at + 1
    return 0
