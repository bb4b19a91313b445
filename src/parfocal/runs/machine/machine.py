"""A run as far as it has come, as one frozen value; `advance` makes the next one of it. Pure.

::

    run's thread:  task ──> perform it ──> report ─┐
                    ^                              v
                    └──────────────────────── advance ──> effects, done at once
                                                   ^
    others:        pause, resume, cancel ... ──────┘

The shell keeps one machine, replaced under one lock: so each input meets the state that it was meant for,
and none is lost. `task` is what the run's thread is doing; a report ends it, and the machine that comes of it
has the next one.
"""

from __future__ import annotations

import msgspec

from parfocal.core.run_status import FailurePolicy, LatePolicy, RunState
from parfocal.runs.conditions.interlocks import Breach, Interlock
from parfocal.runs.conditions.judging import Facts
from parfocal.runs.machine.counts import EventCounts
from parfocal.runs.machine.focus import FocusOffsets
from parfocal.runs.machine.inputs import Answer, Resume
from parfocal.runs.machine.states import TABLE
from parfocal.runs.machine.tasks import (
    Acquire,
    CallService,
    Close,
    Ending,
    Expose,
    Fetch,
    Focus,
    Mask,
    Place,
    Prepare,
    Task,
)
from parfocal.runs.machine.timing import Timing
from parfocal.runs.plans.event import Event, is_stimulus

TRIES = 3
"""How often an event is tried with an instrument that ends each time, and is started again.

Each instrument has its own count: three that end in turn are no sign that the event ends them. It is lower
than what a supervisor allows a service, as each try of an image is light on the sample.
"""


class Pausing(msgspec.Struct, frozen=True):
    """A pause that was asked for: why, and since when.

    `resume` was asked for since, and waits until all that interlocks ask for was looked at once more.
    """

    reason: str
    since_ns: int
    resume: Resume | None = None

    def unresumed(self, reason: str) -> Pausing:
        """Return it with a resume that waits withdrawn, for that reason; as it is if none waits."""
        return self if self.resume is None else Pausing(reason, self.since_ns)


class RunEnd(msgspec.Struct, frozen=True):
    """The end that was asked for, or has come: how, and why."""

    ending: Ending
    reason: str


class Decision(msgspec.Struct, frozen=True):
    """How a condition of the plan was decided, with what was known of its values."""

    met: bool
    text: str


class Conditions(msgspec.Struct, frozen=True):
    """How far the conditions of a plan are.

    Attributes
    ----------
    began_ns : dict of int to int
        When the part began that a condition watches, by the number of the event that decides it.
    decided : dict of int to Decision
        Those that were decided before the run came to their events, by their numbers.
    left_until : int
        All events before that number are left out.
    asked_ns : int
        When the run came to the condition in hand; 0: not yet.
    last : tuple of (Event, Decision), or None
        What was decided last.
    """

    began_ns: dict[int, int] = {}
    decided: dict[int, Decision] = {}
    left_until: int = 0
    asked_ns: int = 0
    last: tuple[Event, Decision] | None = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A run as far as it has come.

    Attributes
    ----------
    on_failure : FailurePolicy
        What an event that failed does.
    late : LatePolicy or None
        What a stimulus does whose mask is not there in time; None if stimuli have no masks.
    state : RunState
        What people are told.
    task : Task or None
        What the run's thread does just now; None before it has begun and after it has ended.
    prepared : bool
        Whether the instruments are claimed and the record has begun.
    event : Event or None
        The event in hand, as the plan has it.
    focus : FocusOffsets
        What shifts its height.
    placed : bool
        Whether stages and light path are where it wants them.
    mask : Mask
        With which mask it is exposed; "none" as long as that is not decided.
    holds : bool
        Whether it waits for its mask without a limit.
    put_out : bool
        Whether an interlock has put its light out during the exposure.
    ended : dict of str to int
        How often it was begun and broken off because an instrument had ended, by the instrument.
    wait_until_ns : int
        When the wait in hand, or the time for an answer, is over; 0: not begun yet, -1: it has no end.
    frames_before : int
        Frames that an acquisition in hand took before it was paused, or its camera was started again.
    lasted_ns : int
        How long it went on until then.
    answer : Answer or None
        What a person said to the question in hand.
    interlocks : tuple of Interlock
        What has to hold as long as it goes on.
    facts : Facts
        What was last seen of the values of conditions.
    breaches : tuple of Breach
        The interlocks that were breached when that was last judged.
    conditions : Conditions
        How far the conditions of its plan are.
    open_ended : bool
        Whether it waits for more at the end of its plan.
    at_end : bool
        Whether it waits so.
    held : Pausing or None
        The pause that is asked for.
    end : RunEnd or None
        The end that is asked for, or has come.
    drained : bool
        Whether everything is stored.
    outcome, reason : str
        As the record tells them; `outcome` is "" until the run has ended.
    """

    on_failure: FailurePolicy = "stop"
    late: LatePolicy | None = None
    state: RunState = "pending"
    task: Task | None = None
    prepared: bool = False
    event: Event | None = None
    focus: FocusOffsets = FocusOffsets()
    placed: bool = False
    mask: Mask = "none"
    holds: bool = False
    put_out: bool = False
    ended: dict[str, int] = {}
    wait_until_ns: int = 0
    frames_before: int = 0
    lasted_ns: int = 0
    answer: Answer | None = None
    interlocks: tuple[Interlock, ...] = ()
    facts: Facts = {}
    breaches: tuple[Breach, ...] = ()
    conditions: Conditions = Conditions()
    open_ended: bool = False
    at_end: bool = False
    held: Pausing | None = None
    end: RunEnd | None = None
    drained: bool = False
    timing: Timing = Timing()
    counts: EventCounts = EventCounts()
    outcome: str = ""
    reason: str = ""

    @property
    def is_busy(self) -> bool:
        """Whether the run's thread does something that a pause has to wait for."""
        return isinstance(self.task, Prepare | Fetch | Place | Expose | Focus | Acquire | CallService)

    @property
    def may_hold(self) -> bool:
        """Whether the run's thread waits for a command of a service that can be held."""
        task = self.task
        return isinstance(task, CallService) and task.event.call is not None and task.event.call.can_pause

    @property
    def takes_light(self) -> bool:
        """Whether the run's thread exposes, or is about to: it moves what is to be lit."""
        task = self.task
        exposes = isinstance(task, CallService) and task.event.call is not None and task.event.call.exposing
        return exposes or isinstance(task, Place | Expose | Focus | Acquire)

    @property
    def needs_mask(self) -> bool:
        """Whether the event in hand is a stimulus with a mask."""
        return self.late is not None and is_stimulus(self.event)

    @property
    def may_change(self) -> bool:
        """Whether its plan may still be changed."""
        return self.end is None and self.state not in ("cancelling", "draining", "ended")

    @property
    def is_closing(self) -> bool:
        """Whether the record is being closed, or is closed: how the run ends is settled then."""
        return isinstance(self.task, Close) or self.state == "ended"

    def having(self, **changes: object) -> Machine:
        """Return it with some things changed."""
        return msgspec.structs.replace(self, **changes)

    def to(self, state: RunState) -> Machine:
        """Return it in another state, which the table has to allow."""
        if state == self.state:
            return self
        assert state in TABLE[self.state], f"no transition from {self.state} to {state}"
        return self.having(state=state)

    def without_event(self, counts: EventCounts) -> Machine:
        """Return it with the event in hand done, dropped or put back, as `counts` tells."""
        return self.having(
            event=None,
            placed=False,
            mask="none",
            holds=False,
            put_out=False,
            ended={},
            wait_until_ns=0,
            frames_before=0,
            lasted_ns=0,
            answer=None,
            counts=counts,
        )

    def ending(self, ending: Ending, reason: str) -> Machine:
        """Return it with an end that it has come to."""
        return self.having(end=RunEnd(ending, reason), held=None)
