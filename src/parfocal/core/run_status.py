"""A run at one instant, as one frozen snapshot: what its handle, its service and its notices show of it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from parfocal.core.known_types import known

RunState = Literal[
    "prepared",
    "pending",
    "running",
    "pausing",
    "paused",
    "waiting",
    "cancelling",
    "draining",
    "ended",
]
"""Where a run stands; `parfocal.runs.machine.states` has the table of what may follow what."""

ResumePolicy = Literal["shift", "catch up", "skip"]
"""What becomes of a schedule after a pause: moved on, caught up with, or without what is overdue."""

FailurePolicy = Literal["stop", "go on", "pause"]
"""What an event that failed does to its run: ends it, is declared dropped, or has a person look."""

StimMode = Literal["current", "previous"]
"""From which image the mask of a stimulus is made: of its own time point, or of the one before."""

LatePolicy = Literal["skip", "hold", "previous", "abort"]
"""What becomes of a stimulus whose mask is not there in time.

It is left out; it waits for the mask; it takes the newest mask of its position; or the run fails.
"""


class RunError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that went wrong: where, its type, its message, and in which event (-1: in none)."""

    source: str
    type: str
    message: str
    event: int = -1


class RunErrors(msgspec.Struct, frozen=True, kw_only=True):
    """How many errors there were, and the last of them."""

    count: int = 0
    last: tuple[RunError, ...] = ()


class RunCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked of a run that went on, and got.

    Attributes
    ----------
    command : str
        "pause", "resume", "cancel", "finish", "confirm", "pick", "extend" or "replace_future"; or what
        somebody forced or stopped of an instrument that the run uses, such as "camera.stop"; or "interlock"
        where one is breached or holds again, "condition" where one of the plan was decided; or what the run
        itself called by its plan, such as "tracker.build_tables", noted when that has ended.
    at : float
        When, seconds since 1970 UTC.
    event : int
        Number of the event that was in hand then, or of the last one; -1 before the first.
    by : str
        Which program; "" for the rig itself.
    details : dict
        With what: the "reason" of a pause or an end, "policy" and "gap_s" of a resume, "question", "answer"
        and "text" of a confirm, "p" and "particles" of a pick, how many "events" the plan has since it was
        changed; of a call by the plan its "arguments", "began_at", "took_s", "outcome", "result" and "error".
    """

    command: str
    at: float
    event: int = -1
    by: str = ""
    details: dict[str, Any] = {}


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How much waits in a queue, and how much it holds at most (0: not bounded by a number)."""

    depth: int
    maximum: int = 0


class Stimulations(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the stimuli.

    Attributes
    ----------
    asked : int
        Those of the plan that were settled, however.
    fired : int
        Exposed, and confirmed.
    fallback : int
        Without the mask that was wanted for them: fired with an older one, or left out, by policy.
    unsure : int
        Begun and not confirmed, because a device ended meanwhile: never fired again.
    """

    asked: int = 0
    fired: int = 0
    fallback: int = 0
    unsure: int = 0


class FocusCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the searches for the focus.

    Attributes
    ----------
    found : int
        Searches that have found it.
    failed : int
        Those that have not: the height stayed as it was.
    """

    found: int = 0
    failed: int = 0


class RunForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is expected to need, as it was found before anything was touched.

    Attributes
    ----------
    duration_s : float
        From the first exposure to the end of the last one, as far as it is known.
    largest_move_um : float
        The longest way of the stages between two events, or to the first one.
    disk_bytes : int
        What it stores, uncompressed; 0 if nothing is recorded, or nobody knows how many frames there are.
    disk_parts : dict of str to int
        Of these bytes, those of its frames, of the video of the regions, and of the tracks.
    disk_free_bytes : int or None
        Where its record will be; None if it has none.
    analysis_s : float
        What its pipeline takes for one image, measured on an artificial one before the first exposure; 0
        without a pipeline, or before that.
    warnings : tuple of str
        What a person should know before it is started.
    """

    duration_s: float = 0.0
    largest_move_um: float = 0.0
    disk_bytes: int = 0
    disk_parts: dict[str, int] = {}
    disk_free_bytes: int | None = None
    analysis_s: float = 0.0
    warnings: tuple[str, ...] = ()


AWAITS_MORE = "more of its plan"
"""What an open-ended run waits for at the end of its plan, once everything is stored and analysed."""


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one instant.

    ``events_consumed == events_acquired + sum(events_dropped.values())``, and one more while an event is in
    hand. Frames count the camera's; events count what the plan asks for, waits included.

    Attributes
    ----------
    run : str
        Its name.
    state : RunState
        Where it stands.
    outcome : str
        "" until it has ended; then "complete", "finished early", "cancelled", "failed", "incomplete: lost N",
        or "unknown: not closed".
    reason : str
        Why it is paused or has ended; "" if there is nothing to say.
    waiting_for : str
        What it waits for just now, in a few words.
    event_number, event_kind, event_index : int, str, dict
        The event in hand, or the last one: its number in the run (-1 before the first), what it is
        ("image", "reference", "stimulus", "wait", "confirm", "acquire", "autofocus", "call", "condition"),
        and its t, p, c, z.
    event_text : str
        How far an acquisition or a call is, in words.
    event_fraction : float or None
        The same from 0 to 1; None if nobody knows.
    position, channel : str
        Names of where and with which light path it is exposed.
    events_total : int
        Of the plan, as it is now.
    events_consumed, events_acquired : int
        Taken up, and done; a wait is done when it ends.
    events_dropped : dict of str to int
        Declared not done, by reason: "lost", "skipped", "failed", "unsure"; "no mask" of a stimulus that its
        policy for late masks left out, and "left out" by a condition of the plan, which make no run
        incomplete.
    frames_received, frames_stored : int
        Of the camera, without those of stimuli, which `stimulations` counts; and on the disk, with those. A
        run that is complete has ``frames_stored == frames_received + stimulations.fired``.
    created_at : float
        Seconds since 1970 UTC: when it was asked for. A run that goes on after its end, or takes the name of
        an earlier one, has a later time than that.
    started_at, finished_at : float or None
        Seconds since 1970 UTC: start of the first exposure, and end of everything.
    elapsed_s, remaining_s : float
        Since the first exposure, pauses included; and until the end of the schedule as it is now.
    scheduled_s : float
        Where the schedule of the run stands now, pauses excluded.
    lag_ms : float
        How late the last event began to be exposed.
    wait_remaining_s : float
        Until the wait, or the pause before the next exposure, is over; 0 if it doesn't wait.
    question : str
        What a person is asked just now; "" if nothing.
    choices : tuple of str
        The answers that there are to choose from; none for yes or no, or a free text.
    queues : dict of str to QueueDepth
        What waits to be stored, by stream; "pipeline" to be analysed, "deferred" for the end of the run.
    errors : RunErrors
        What went wrong.
    stimulations : Stimulations
        What became of the stimuli.
    autofocuses : FocusCounts
        What became of the searches for the focus.
    commands : tuple of RunCommand
        What was asked of it since it began, the last ten; its record holds all.
    folder : str
        Where its record is; "" if it has none.
    parent : str
        The run that started it; "" if none did.
    script : str
        The file of a script, whose steps stand where a plan has events: `event_text` is the step in hand; ""
        of a plan.
    claims : tuple of str
        The instruments that it holds; of a run that is prepared, none.
    conditions : tuple of str
        By what the part of the plan in hand is ended, or answered, each with the value that it goes by.
    breached : tuple of str
        The interlocks that are breached just now, each with the value that it goes by.
    forecast : RunForecast
        What it was expected to need before it was started.
    """

    run: str
    state: RunState = "pending"
    outcome: str = ""
    reason: str = ""
    waiting_for: str = ""
    event_number: int = -1
    event_kind: str = ""
    event_index: dict[str, int] = {}
    event_text: str = ""
    event_fraction: float | None = None
    position: str = ""
    channel: str = ""
    events_total: int = 0
    events_consumed: int = 0
    events_acquired: int = 0
    events_dropped: dict[str, int] = {}
    frames_received: int = 0
    frames_stored: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    elapsed_s: float = 0.0
    scheduled_s: float = 0.0
    remaining_s: float = 0.0
    lag_ms: float = 0.0
    wait_remaining_s: float = 0.0
    question: str = ""
    choices: tuple[str, ...] = ()
    queues: dict[str, QueueDepth] = {}
    errors: RunErrors = RunErrors()
    stimulations: Stimulations = Stimulations()
    autofocuses: FocusCounts = FocusCounts()
    commands: tuple[RunCommand, ...] = ()
    folder: str = ""
    parent: str = ""
    script: str = ""
    claims: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    breached: tuple[str, ...] = ()
    forecast: RunForecast = RunForecast()

    @property
    def ended(self) -> bool:
        """Whether everything is over: frames stored, record closed, instruments let go."""
        return self.state == "ended"

    @property
    def is_running(self) -> bool:
        """Whether it goes on, paused or not; one that is prepared has not begun."""
        return self.state not in ("prepared", "ended")

    @property
    def is_paused(self) -> bool:
        """Whether a pause holds it, or is about to."""
        return self.state in ("pausing", "paused")


known(RunStatus)
