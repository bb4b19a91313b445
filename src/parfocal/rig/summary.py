"""What a run came to, in one object: pure functions on its rows and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from parfocal.formats import MovieFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.core.status import ProcessStatus


class FrameCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the frames: ``produced == tracked + sum(dropped.values())`` when all went through.

    Attributes
    ----------
    produced : int
        By the camera, in this run.
    tracked : int
        Whose rows were published, each once.
    recorded : int
        That are on disk: their rows, and their pixels too if the run recorded frames.
    dropped : dict of str to int
        By reason; empty if none was.
    """

    produced: int
    tracked: int
    recorded: int
    dropped: dict[str, int] = {}


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What a run came to: the last line that ``--json`` prints.

    Attributes
    ----------
    outcome, run : str
        How it ended, and the folder of its record.
    beads : int
        Regions that were tracked.
    latency_ms : dict
        p50 and p99 over the frames, from the end of an exposure until its rows were readable; NaN of a movie.
    fps : dict
        "camera" and "tracked", frames a second: as they were taken, NaN if a movie does not tell; and as
        their rows were published.
    error : dict or None
        RMS against the truth, where there is one.
    services : dict
        Process and restarts of each.
    flagged : dict of str to float
        Part of the rows with each flag, by its name.
    reason : str
        Why it ended so; "" if there is nothing to say.
    warnings : tuple of str
        What should be known before the rows are used: what was not recorded, a camera that is not as told.
    overlay : str or None
        Picture of a frame with what was found in it.
    chart : str or None
        Picture of the tracks, with chi2 and sigma of all beads; None without any row.
    movie : MovieFacts or None
        Where the frames came from, if from a file: its times and pixel size and who tells them, what of it
        was left unread.
    """

    outcome: str
    run: str
    frames: FrameCounts
    beads: int
    latency_ms: dict[str, float]
    fps: dict[str, float]
    error: dict[str, float] | None
    services: dict[str, dict[str, int]]
    flagged: dict[str, float] = {}
    reason: str = ""
    warnings: tuple[str, ...] = ()
    overlay: str | None = None
    chart: str | None = None
    movie: MovieFacts | None = None


def services_summary(services: Iterable[ProcessStatus]) -> dict[str, dict[str, int]]:
    """Return process and restarts of each service."""
    return {service.name: {"pid": service.pid, "restarts": service.restarts} for service in services}
