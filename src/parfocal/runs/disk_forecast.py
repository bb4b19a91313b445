"""How much of the disk a run needs, by what it stores. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from parfocal.runs.instruments.rig_facts import RigFacts
    from parfocal.runs.plans.survey import PlanSurvey

FRAMES, REGIONS, TRACKS = "frames", "video of the regions", "tracks"


class DiskForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a run stores, before compression; rows of devices are too few to count.

    Attributes
    ----------
    frames : int
        How many frames the camera is expected to bring.
    parts : dict of str to int
        Bytes by what is stored.
    per_s : float
        Bytes of a second in which the camera runs by itself; 0 if that is not known.
    """

    frames: int = 0
    parts: dict[str, int] = {}
    per_s: float = 0.0

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self.parts.values())


def disk_forecast(wanted: PlanSurvey, facts: RigFacts) -> DiskForecast:
    """Return what a run needs; nothing if it has no record.

    Parameters
    ----------
    wanted : PlanSurvey
        What its events ask for.
    facts : RigFacts
        What the instruments are like.

    Examples
    --------
    >>> from parfocal.runs import acquire
    >>> from parfocal.runs.instruments.rig_facts import RigFacts
    >>> from parfocal.runs.plans.survey import survey
    >>> stored = {"video of the regions": 90, "tracks": 8}
    >>> facts = RigFacts(frame_s=0.01, stored_bytes=stored, disk_free_bytes=10**6)
    >>> disk_forecast(survey(acquire(seconds=2).events(), {}), facts).parts
    {'video of the regions': 18000, 'tracks': 1600}
    """
    if facts.disk_free_bytes is None:
        return DiskForecast()
    rate_hz = 1 / facts.frame_s if facts.frame_s else 0.0
    frames = wanted.frames + round(wanted.acquires_s * rate_hz)
    each = {FRAMES: facts.frame_bytes} if wanted.exposes else facts.stored_bytes
    return DiskForecast(
        frames=frames,
        parts={name: frames * size for name, size in each.items() if frames},
        per_s=sum(each.values()) * rate_hz,
    )
