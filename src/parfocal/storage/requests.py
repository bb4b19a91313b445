"""What a caller asks for when a run begins, and where it is recorded: plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.event_layout import EventLayout
from parfocal.storage.collecting import Collected
from parfocal.storage.ome_zarr import Codec
from parfocal.storage.source import Policy
from parfocal.storage.tables import PartLimits


class StreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A stream to record, and how: see `SinkOptions`; and `StreamRecord` for `numbered_by`."""

    name: str
    policy: Policy = "drop"
    codec: Codec = "blosc-lz4"
    limits: PartLimits = PartLimits()
    events: EventLayout | None = None
    numbered_by: str = ""


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a run shall be called, and what its record shall hold beside the data.

    `plan_notes` are kept beside the plan; `settings` and `devices` are added to what the services themselves
    say. One that `recovers` completes a run that was cut short: what an earlier phase has lost of frames of
    events is taken again, or counted again, by whoever ends it.
    """

    name: str = ""
    operator: str = ""
    sample: str = ""
    notes: str = ""
    plan: dict[str, Any] = {}
    plan_notes: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    devices: dict[str, Any] = {}
    recovers: bool = False


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where recording happens.

    Attributes
    ----------
    streams : Path
        Folder of the rig's streams.
    rig, service : str
        Whose recording it is.
    on_error : callable
        Called as ``on_error(stream, error)`` in a thread of the recording when a stream's recording ends by
        an error.
    collect : callable
        ``collect(folder, at_end)`` asks all services what they give to the record; see `Collector.collect`.
    delay_s : callable
        ``delay_s(stream)`` says how long each batch of a stream is held up, as by a slow disk: for trials.
    stop_on_error : bool
        Whether an error in one stream makes the run a failed one; else the other streams go on.
    is_ending : callable
        Whether the rig ends: then nobody comes back.
    """

    streams: Path
    rig: str
    service: str
    on_error: Callable[[str, Exception], None]
    collect: Callable[[Path, bool], Collected] = field(default=lambda *_: Collected())
    delay_s: Callable[[str], float] = field(default=lambda _: 0.0)
    stop_on_error: bool = False
    is_ending: Callable[[], bool] = field(default=lambda: False)
    clock: Clock = SYSTEM_CLOCK
