"""What the machine has the shell do: one task after the other in the run's thread, and effects at once.

Each task ends with one report of `parfocal.runs.machine.inputs`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from parfocal.runs.plans.event import Event

Ending = Literal["complete", "finished early", "cancelled", "failed"]
"""How the machine says that a run ends; the record says "complete" only if nothing is missing."""


Light = Literal["on", "shaded", "off"]


class Prepare(msgspec.Struct, frozen=True):
    """Claim the instruments, note how they are set, begin the record. Ends with `Prepared`."""


class Fetch(msgspec.Struct, frozen=True):
    """Get event `number` of the plan. Ends with `Fetched`."""

    number: int


class Place(msgspec.Struct, frozen=True):
    """Bring the stages and the light path to where an event wants them. Ends with `Placed`."""

    event: Event


class Sleep(msgspec.Struct, frozen=True):
    """Wait until `until_ns` of the monotonic clock, or a wake-up. Ends with `Woken`.

    Meanwhile the light is "on" as it is, "shaded" by a shutter, or "off".
    """

    until_ns: int
    light: Light = "off"


class Hold(msgspec.Struct, frozen=True):
    """Switch the light off, and wait for a wake-up. Ends with `Woken`."""


class Ask(msgspec.Struct, frozen=True):
    """Wait for a person's answer, with the light off, until `until_ns` (-1: no limit). Ends with `Woken`."""

    until_ns: int


class Await(msgspec.Struct, frozen=True):
    """Wait for a condition, with the light off, until `until_ns` (-1: no limit). Ends with `Woken`."""

    until_ns: int


class AwaitMore(msgspec.Struct, frozen=True):
    """Wait, with the light off, until all is stored, and then for more of the plan. Ends with `Woken`."""


class Decide(msgspec.Struct, frozen=True):
    """Get the mask of a stimulus: until it is late, or, if it `holds`, without a limit.

    Ends with `Decided` or `Woken`.
    """

    event: Event
    holds: bool = False


Mask = Literal["none", "wanted", "older"]
"""With which mask an event is exposed; "older" is the newest of its position that is there."""


class Expose(msgspec.Struct, frozen=True):
    """Take the frame of an event. Ends with `Exposed` or `FrameLost`."""

    event: Event
    mask: Mask = "none"


class Focus(msgspec.Struct, frozen=True):
    """Look for the focus, as an event wants it. Ends with `Focused` or `FocusNotFound`."""

    event: Event


class Acquire(msgspec.Struct, frozen=True):
    """Have the camera run for `count` frames or `duration_s`, or until its own end. Ends with `Acquired`."""

    event: Event
    count: int | None
    duration_s: float | None = None


class CallService(msgspec.Struct, frozen=True):
    """Have a service carry out a command. Ends with `Called`."""

    event: Event


class Drain(msgspec.Struct, frozen=True):
    """Light off, instruments to rest; wait until all frames are stored. Ends with `Drained` or `Woken`."""


class Close(msgspec.Struct, frozen=True):
    """Close the record and let go of the instruments. Ends with `Closed`."""

    ending: Ending
    reason: str


Task = (
    Prepare
    | Fetch
    | Place
    | Sleep
    | Hold
    | Ask
    | Await
    | AwaitMore
    | Decide
    | Expose
    | Focus
    | Acquire
    | CallService
    | Drain
    | Close
)


class Abort(msgspec.Struct, frozen=True):
    """End the exposure, the autofocus, the sequence or the move under way, if there is one."""


class CutSequence(msgspec.Struct, frozen=True):
    """Have a sequence of images that the instruments take by themselves end with the exposure under way."""


class Darken(msgspec.Struct, frozen=True):
    """Switch all light off, now."""


class Wake(msgspec.Struct, frozen=True):
    """End the wait that the run's thread is in."""


class HoldCall(msgspec.Struct, frozen=True):
    """Have the service hold the command that it carries out for the run."""


class ReleaseCall(msgspec.Struct, frozen=True):
    """Have the service go on with the command that it holds."""


Effect = Abort | CutSequence | Darken | Wake | HoldCall | ReleaseCall
"""Done at once, by whichever thread brought the input, without waiting for an instrument."""
