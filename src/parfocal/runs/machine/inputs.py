"""What happens to a run: reports of its own thread, each ending a task, and requests of others.

``now_ns`` is of the monotonic clock.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from parfocal.core.run_status import ResumePolicy
from parfocal.runs.conditions.judging import Facts
from parfocal.runs.machine.tasks import Ending
from parfocal.runs.plans.event import Event


class Prepared(msgspec.Struct, frozen=True):
    """The instruments are claimed, the record has begun."""

    now_ns: int


class Fetched(msgspec.Struct, frozen=True):
    """The plan has this event next; None: it is at its end."""

    now_ns: int
    event: Event | None


class Placed(msgspec.Struct, frozen=True):
    """Everything is where the event wants it."""

    now_ns: int


class Woken(msgspec.Struct, frozen=True):
    """A wait is over: its time has come, or something else has."""

    now_ns: int


class Exposed(msgspec.Struct, frozen=True):
    """The frame of the event is there; its exposure began at `began_ns`."""

    now_ns: int
    began_ns: int


class Decided(msgspec.Struct, frozen=True):
    """How it is with the mask of a stimulus: there, late, never to come, or gone with what was cut short.

    `has_older` tells whether there is an older one of its position; `why` what is known of the delay.
    """

    now_ns: int
    mask: Literal["there", "late", "never", "gone"]
    has_older: bool = False
    why: str = ""


class FrameLost(msgspec.Struct, frozen=True):
    """The event was exposed, and its frame never came."""

    now_ns: int


class Focused(msgspec.Struct, frozen=True):
    """The focus is found, at `z_um` of the stage, which stands there; the search began at `began_ns`."""

    now_ns: int
    z_um: float
    began_ns: int


class FocusNotFound(msgspec.Struct, frozen=True):
    """No focus was found, for the reason that `message` tells; the stage is back where it looked from."""

    now_ns: int
    message: str
    began_ns: int


class Acquired(msgspec.Struct, frozen=True):
    """The camera has ended after `frames` frames; `whole` if by its count or its own end.

    `began_ns` is when the first exposure began; None if nobody knows. `stopped` tells how it ended before its
    count although this run did not want that; "" if it did not.
    """

    now_ns: int
    frames: int
    whole: bool
    began_ns: int | None = None
    stopped: str = ""


CallOutcome = Literal["acquired", "cancelled", "unsure", "failed"]
"""How a command of a service has ended."""


class Called(msgspec.Struct, frozen=True):
    """A service has ended a command that began at `began_ns`; `frames` were exposed meanwhile.

    `outcome` tells how: "acquired" if it is done, "cancelled" if this run has ended it, "unsure" if it did
    not end in time then, or "failed", of which `source`, `type` and `message` tell more.
    """

    now_ns: int
    began_ns: int
    frames: int
    outcome: CallOutcome
    source: str = ""
    type: str = ""
    message: str = ""


class TaskFailed(msgspec.Struct, frozen=True):
    """The task failed: for good as far as it is concerned. `source` is the instrument, `type` the error's."""

    now_ns: int
    source: str
    type: str
    message: str


class Stopped(msgspec.Struct, frozen=True):
    """The task was ended by an `Abort` of this run."""

    now_ns: int


class Restarted(msgspec.Struct, frozen=True):
    """The instrument `source` ended during the task, and is there again; `message` says how it ended."""

    now_ns: int
    source: str
    message: str


class Drained(msgspec.Struct, frozen=True):
    """All frames are stored."""

    now_ns: int


class Closed(msgspec.Struct, frozen=True):
    """The record is closed, with the outcome that it holds; everything is let go."""

    now_ns: int
    outcome: str
    reason: str


Report = (
    Prepared
    | Fetched
    | Placed
    | Woken
    | Exposed
    | Decided
    | FrameLost
    | Focused
    | FocusNotFound
    | Acquired
    | Called
    | TaskFailed
    | Stopped
    | Restarted
    | Drained
    | Closed
)


class Pause(msgspec.Struct, frozen=True):
    """Hold the run: no exposure begins after this."""

    now_ns: int
    reason: str = ""


class Resume(msgspec.Struct, frozen=True):
    """Go on after a pause."""

    now_ns: int
    policy: ResumePolicy = "shift"
    gap_ns: int = 0


class EndRun(msgspec.Struct, frozen=True):
    """End the run: "cancelled" at once, "finished early" after the exposure under way.

    `commanded` tells whether a command to the run asked for that.
    """

    now_ns: int
    ending: Ending
    reason: str
    commanded: bool = True


class Answer(msgspec.Struct, frozen=True):
    """What a person says to the question, and may add."""

    now_ns: int
    yes: bool
    text: str = ""


class Replaced(msgspec.Struct, frozen=True):
    """The plan is another one from the first event that was not begun."""

    now_ns: int


class Extended(msgspec.Struct, frozen=True):
    """There is more of the plan than there was, from second `begin_s` of its schedule on, if that is told."""

    now_ns: int
    begin_s: float | None = None


class Noted(msgspec.Struct, frozen=True):
    """Something went wrong beside the task under way; `event` is the number of the event, -1 for none."""

    now_ns: int
    source: str
    type: str
    message: str
    event: int = -1


class Observed(msgspec.Struct, frozen=True):
    """Values of conditions were looked at; `facts` has what was seen, by the keys of their comparisons."""

    now_ns: int
    facts: Facts


Wish = Pause | Resume | EndRun | Answer | Replaced | Extended | Noted
"""What others want of a run, or tell it, at any time."""

Input = Report | Wish | Observed
