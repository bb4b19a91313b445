"""What is done, to be repeated, unsure and left of a run that was killed. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.core.run_status import FocusCounts, Stimulations
from parfocal.runs.event_log import DTYPE, OUTCOMES, SettledEvent
from parfocal.runs.journal_entries import Settled, may_repeat
from parfocal.runs.machine.counts import LEFT_OUT, NO_MASK, EventCounts
from parfocal.runs.machine.focus import FocusOffsets
from parfocal.runs.machine.machine import Decision
from parfocal.runs.plans.event import EXPOSURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.journal_entries import JournalledMask
    from parfocal.runs.pipeline.analysed import StimulusFacts
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.schedule import Schedule
    from parfocal.runs.recovery.journalled_run import JournalledRun

_EXPOSURES = [EVENT_KINDS.index(kind) for kind in EXPOSURES]
_STIMULUS, _AUTOFOCUS, _CALL = (EVENT_KINDS.index(kind) for kind in ("stimulus", "autofocus", "call"))
_ACQUIRED, _LOST, _FAILED, _CANCELLED, _UNSURE, _NO_MASK, _LEFT_OUT = (
    OUTCOMES.index(outcome)
    for outcome in ("acquired", "lost", "failed", "cancelled", "unsure", NO_MASK, LEFT_OUT)
)
_NOT_ASKED = [_CANCELLED, _NO_MASK, _UNSURE, _LEFT_OUT]
_LISTED = 1000


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """How a run stands that nobody has ended, and what has to be done to complete it.

    Attributes
    ----------
    total, first : int
        How many events it has, and the number of the first that has to be done; `total` if none has.
    settled : frozenset of int
        Later events that are done, or declared dropped: they are not done again.
    repeated : tuple of int
        Events that were done, and whose frames were lost with the processes: they are done again.
    unsure : tuple of int
        Events that are done once alone, of which nobody knows whether they happened: all those of the run.
    lost : tuple of int
        Stimuli that were fired, and whose frames are gone.
    counts : EventCounts
        What became of all that is settled; `asked` counts those without a frame.
    adopted : tuple of Settled
        What this recovery has found out, for the journal.
    unlogged : structured ndarray, shape (n,)
        Rows that are not in the log of events yet.
    unlogged_stimuli, unlogged_doses : tuple of SettledEvent
        Stimuli that are not in the table of stimuli yet, or that have a mask, and are not in that of doses:
        what was read back of them went with the processes.
    focus : FocusOffsets
        As it was found last.
    decided : dict of int to Decision
        What was decided of conditions of the plan, by the numbers of their events.
    broken_off : str
        Why it can't go on; "" if it can.
    """

    total: int
    first: int
    settled: frozenset[int] = frozenset()
    repeated: tuple[int, ...] = ()
    unsure: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    counts: EventCounts = field(default_factory=EventCounts)
    adopted: tuple[Settled, ...] = ()
    unlogged: NDArray[np.void] = field(default_factory=lambda: np.empty(0, DTYPE))
    unlogged_stimuli: tuple[SettledEvent, ...] = ()
    unlogged_doses: tuple[SettledEvent, ...] = ()
    focus: FocusOffsets = field(default_factory=FocusOffsets)
    decided: dict[int, Decision] = field(default_factory=dict)
    broken_off: str = ""

    @property
    def left(self) -> int:
        """How many events have to be done, those that are repeated included."""
        return self.total - self.counts.acquired - sum(self.counts.dropped.values())

    @property
    def told(self) -> str:
        """What the reason of its end tells of it.

        Examples
        --------
        >>> Recovery(total=9, first=4).told, Recovery(total=9, first=2, repeated=(2, 3)).told
        ('recovered from event 4 on', 'recovered from event 2 on, with 2 events repeated')
        """
        again = f", with {len(self.repeated)} events repeated" if self.repeated else ""
        return f"recovered from event {self.first} on{again}"

    @property
    def details(self) -> dict[str, Any]:
        """What the record tells of it: at most so many events of a kind by their numbers."""
        listed = {"repeated": self.repeated, "unsure": self.unsure, "lost": self.lost}
        return {"first": self.first, **{name: list(which[:_LISTED]) for name, which in listed.items()}}


def recovery_of(
    run: JournalledRun,
    frames: NDArray[np.void],
    logged: Iterable[int] = (),
    stimuli: Iterable[int] | None = None,
    doses: Iterable[int] | None = None,
) -> Recovery:
    """Return how a run stands.

    Parameters
    ----------
    run : JournalledRun
        As its journal tells it.
    frames : structured ndarray, shape (n,)
        What is stored: "t", "p", "c", "z", "frame", "time_ns" and "exposure_ns" of each frame of an event.
    logged : iterable of int
        The numbers of the events that are in the log.
    stimuli, doses : iterable of int, optional
        Those of the stimuli that are in the table of stimuli, or in that of doses; None if there is no such
        table.
    """
    stored = dict(zip(_codes(frames).tolist(), range(len(frames)), strict=True))
    known, adopted, repeated = _judged(run, frames, stored)
    adopted |= _follow_decisions(run, known)
    open_ones = [number for number in _may_have_begun(run) if number not in known]
    broken_off = ""
    for event in (run.schedule.event(number) for number in open_ones):
        at = stored.get(_code(event.index)) if event.is_exposure else None
        if at is None and event.number not in run.unsettled:
            continue
        if event.kind == "acquire":
            broken_off = (
                f"event {event.number} had the camera run by itself, which can't go on where it was. What it "
                "brought is in the record: acquire anew"
            )
            continue
        found = _found(event, None if at is None else frames[at], run.masks.get(event.number))
        known[event.number] = adopted[event.number] = found
    rows = np.frombuffer(b"".join(one.row for one in known.values()), DTYPE)
    total = len(run.schedule)
    first = next((number for number in range(total) if number not in known), total)
    is_new = ~np.isin(rows["number"], np.fromiter(logged, np.int64)) | np.isin(rows["number"], list(adopted))
    return Recovery(
        total=total,
        first=first,
        settled=frozenset(number for number in known if number > first),
        repeated=tuple(repeated),
        unsure=_numbers(rows, rows["outcome"] == _UNSURE),
        lost=_numbers(rows, (rows["outcome"] == _LOST) & (rows["kind"] == _STIMULUS)),
        counts=replace(_counted(rows, list(known.values()), stored), consumed=first),
        adopted=tuple(adopted.values()),
        unlogged=rows[is_new],
        unlogged_stimuli=()
        if stimuli is None
        else tuple(_as_ended(_stimuli(rows, but=frozenset(stimuli)), known, run)),
        unlogged_doses=()
        if doses is None
        else tuple(_as_ended(_stimuli(rows, but=frozenset(doses), of=run.masks), known, run)),
        focus=_focus(rows, run.schedule),
        decided={
            number: Decision(one.met, one.text) for number, one in run.decided.items() if one.then != "fail"
        },
        broken_off=broken_off,
    )


def _judged(
    run: JournalledRun, frames: NDArray[np.void], stored: dict[int, int]
) -> tuple[dict[int, Settled], dict[int, Settled], list[int]]:
    """Return what is settled in the light of what is stored, what of it is new, and what to repeat."""
    known = dict(sorted(run.settled.items()))
    adopted: dict[int, Settled] = {}
    repeated: list[int] = []
    rows = run.rows
    is_exposure = np.isin(rows["kind"], _EXPOSURES)
    is_there = is_exposure & np.isin(_codes(rows), np.fromiter(stored, np.int64, len(stored)))
    is_acquired = rows["outcome"] == _ACQUIRED
    is_odd = np.where(is_exposure, is_acquired != is_there, rows["outcome"] == _CANCELLED)
    is_odd |= is_exposure & (rows["outcome"] == _CANCELLED)
    for row in rows[is_odd]:
        number, before = int(row["number"]), known[int(row["number"])]
        if row["kind"] in _EXPOSURES and (at := stored.get(int(_codes(row[None])[0]))) is not None:
            known[number] = adopted[number] = _arrived(before, row, frames[at])
        elif row["kind"] == _STIMULUS and row["outcome"] == _ACQUIRED:
            row["outcome"] = _LOST
            known[number] = adopted[number] = replace(before, row=row.tobytes(), is_done=False)
        elif row["outcome"] in (_ACQUIRED, _CANCELLED) and may_repeat(run.schedule.event(number)):
            repeated.append(number)
            del known[number]
    return known, adopted, repeated


def _stimuli(
    rows: NDArray[np.void], *, but: Collection[int], of: Collection[int] | None = None
) -> NDArray[np.void]:
    """Return the rows of stimuli `but` those of these numbers, of all or of those of other numbers."""
    are_asked = (rows["kind"] == _STIMULUS) & ~np.isin(rows["number"], list(but))
    if of is not None:
        are_asked &= np.isin(rows["number"], list(of))
    stimuli: NDArray[np.void] = rows[are_asked]
    return stimuli


def _as_ended(
    rows: NDArray[np.void], known: Mapping[int, Settled], run: JournalledRun
) -> Iterator[SettledEvent]:
    """Yield the stimuli of `rows` as they ended, with what the journal tells of their masks."""
    for row in rows:
        number = int(row["number"])
        yield SettledEvent(
            run.schedule.event(number),
            OUTCOMES[row["outcome"]],
            None,
            float(row["started_s"]),
            float(row["predicted_s"]),
            stimulus=_facts(run, number),
            mask_is_older=known[number].mask_is_older,
        )


def _facts(run: JournalledRun, number: int) -> StimulusFacts | None:
    """Return what the journal tells of a stimulus that has begun with a mask."""
    mask = run.masks.get(number)
    return None if mask is None else mask.facts(run.schedule.event(mask.image_event))


def _follow_decisions(run: JournalledRun, known: dict[int, Settled]) -> dict[int, Settled]:
    """Put into `known` the events that a decision leaves out, and return them.

    A condition by which the run has ended is to be done again: it ends the run again, and one by which it has
    failed is asked for once more.
    """
    left_out: dict[int, Settled] = {}
    for number, decided in run.decided.items():
        for event in run.schedule.events(decided.first):
            if event.number >= decided.until:
                break
            if event.number not in known and event.number not in run.unsettled:
                row = SettledEvent(event, LEFT_OUT, None, math.nan, math.nan).row
                left_out[event.number] = Settled(event.number, row.tobytes(), is_done=False)
        if decided.then in ("end", "fail") and max(known, default=-1) <= number:
            known.pop(number, None)
    known |= left_out
    return left_out


def _may_have_begun(run: JournalledRun) -> list[int]:
    """Return the events that may have been in hand at the end: once-only ones, the first that is not done."""
    total = len(run.schedule)
    following = next((number for number in range(total) if number not in run.settled), total)
    return sorted({*run.unsettled, following} - {total})


def _arrived(before: Settled, row: NDArray[np.void], frame: NDArray[np.void]) -> Settled:
    """Return an event as done that was declared dropped, since its frame is there."""
    _put(row, frame)
    return replace(before, row=row.tobytes(), frames=max(before.frames, 1), is_done=True)


def _found(event: Event, frame: NDArray[np.void] | None, mask: JournalledMask | None) -> Settled:
    """Return what became of an event that was in hand: its frame is there, or it is unsure."""
    outcome = "unsure" if frame is None else "acquired"
    row = SettledEvent(event, outcome, None, math.nan, math.nan).row
    if frame is not None:
        _put(row, frame)
    is_there = frame is not None
    return Settled(
        event.number,
        row.tobytes(),
        frames=int(is_there),
        is_done=is_there,
        mask_is_older=mask is not None and mask.is_older,
    )


def _put(row: NDArray[np.void], frame: NDArray[np.void]) -> None:
    """Write down that the frame of an event is there."""
    row["outcome"], row["frame"], row["time_ns"] = _ACQUIRED, frame["frame"], frame["time_ns"]
    row["exposure_ms"] = frame["exposure_ns"] * 1e-6


def _counted(rows: NDArray[np.void], settled: list[Settled], stored: dict[int, int]) -> EventCounts:
    """Return what became of events; `asked` counts the exposures among them that have no frame."""
    is_done = np.array([one.is_done for one in settled], bool)
    is_older = np.array([one.mask_is_older for one in settled], bool)
    kinds, outcomes = rows["kind"], rows["outcome"]
    is_there = np.isin(_codes(rows), np.fromiter(stored, np.int64, len(stored)))
    is_asked = np.isin(kinds, _EXPOSURES) & ~np.isin(outcomes, _NOT_ASKED) & ~is_there
    stimuli = kinds == _STIMULUS
    fired = stimuli & np.isin(outcomes, [_ACQUIRED, _LOST])
    dropped = {
        outcome: int(count)
        for number, outcome in enumerate(OUTCOMES)
        if (count := np.count_nonzero(~is_done & (outcomes == number)))
    }
    is_unframed = ~is_done & (~np.isin(kinds, _EXPOSURES) | (outcomes == _UNSURE))
    unframed = {
        OUTCOMES[number]: int(count)
        for number in (_FAILED, _UNSURE)
        if (count := np.count_nonzero(is_unframed & (outcomes == number)))
    }
    searches = (kinds == _AUTOFOCUS) & is_done
    return EventCounts(
        acquired=int(is_done.sum()),
        dropped=dropped,
        asked=int(is_asked.sum()),
        unframed=unframed,
        frames=sum(one.frames for one in settled),
        stimulations=Stimulations(
            asked=int(stimuli.sum()),
            fired=int(fired.sum()),
            fallback=int((fired & is_older).sum() + (stimuli & (outcomes == _NO_MASK)).sum()),
            unsure=int((stimuli & (outcomes == _UNSURE)).sum()),
        ),
        autofocuses=FocusCounts(
            found=int((searches & (outcomes == _ACQUIRED)).sum()),
            failed=int((searches & (outcomes != _ACQUIRED)).sum()),
        ),
    )


def _focus(rows: NDArray[np.void], schedule: Schedule) -> FocusOffsets:
    """Return where the autofocuses have found the focus of each position."""
    focus = FocusOffsets()
    for row in rows[(rows["kind"] == _AUTOFOCUS) & (rows["outcome"] == _ACQUIRED)]:
        if math.isfinite(row["z_um"]):
            focus = focus.found(schedule.event(int(row["number"])), float(row["z_um"]))
    return focus


def _numbers(rows: NDArray[np.void], which: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(rows["number"][which].tolist())


def _code(index: dict[str, int]) -> int:
    """Return one number for an index along t, p, c and z."""
    t, p, c, z = (max(0, index.get(axis, 0)) for axis in "tpcz")
    return t << 42 | p << 24 | c << 14 | z


def _codes(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Return `_code` of each row; an axis that a row does not have is at 0."""
    t, p, c, z = (np.maximum(rows[axis].astype(np.int64), 0) for axis in "tpcz")
    codes: NDArray[np.int64] = t << 42 | p << 24 | c << 14 | z
    return codes
