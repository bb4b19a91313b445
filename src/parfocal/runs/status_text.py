"""A run's status in words: lines for terminals and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.core.run_status import RunForecast, RunStatus

_LATE_MS = 5000.0


def one_line(status: RunStatus) -> str:
    """Return name, state or outcome, how far it is, and what matters just now.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> one_line(RunStatus(run="run1", state="running", events_total=40, events_acquired=12, elapsed_s=75))
    "'run1': running, 12 of 40 events, 1:15 elapsed"
    >>> one_line(RunStatus(run="run1", state="ended", outcome="cancelled", reason="Ctrl-C", events_total=3))
    "'run1': cancelled (Ctrl-C), 0 of 3 events"
    """
    return f"{status.run!r}: {_state_and_progress(status)}"


def line_in_rig(rig: str, status: RunStatus) -> str:
    """Return the same line with the name by which a run is found among those of all rigs.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> line_in_rig("lab", RunStatus(run="run1", state="pausing", events_total=40, events_acquired=12))
    'lab/run1: pausing, 12 of 40 events'
    """
    return f"{rig}/{status.run}: {_state_and_progress(status)}"


def _state_and_progress(status: RunStatus) -> str:
    return ", ".join(filter(None, (state_text(status), progress_text(status))))


def state_text(status: RunStatus) -> str:
    """Return the state, or how it ended, with the reason."""
    word = status.outcome if status.ended else status.state
    return f"{word} ({status.reason})" if status.reason else word


def progress_text(status: RunStatus) -> str:
    """Return how far a run is: events, frames, times, what it waits for, what went wrong.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus, RunErrors, Stimulations
    >>> waiting = RunStatus(run="a", state="waiting", events_total=2, events_acquired=1, wait_remaining_s=4.2)
    >>> progress_text(waiting)
    '1 of 2 events, waits 0:05'
    >>> progress_text(RunStatus(run="a", events_total=2, frames_received=9, errors=RunErrors(count=2)))
    '0 of 2 events, 9 frames, 2 errors'
    >>> progress_text(RunStatus(run="a", events_total=2, stimulations=Stimulations(asked=1, fired=1)))
    '0 of 2 events, 1 stimulus'
    >>> progress_text(RunStatus(run="a", script="a.py", events_total=5, events_acquired=1, event_text="up"))
    '1 of 5 steps, up'
    """
    word = "steps" if status.script else "events"
    parts = [f"{status.events_acquired} of {status.events_total} {word}"]
    dropped = sum(status.events_dropped.values())
    if dropped:
        parts.append(f"{dropped} not done")
    if status.frames_received:
        parts.append(f"{status.frames_received} frames")
    if stimuli := status.stimulations.fired:
        parts.append(f"{stimuli} stimul{'i' if stimuli > 1 else 'us'}")
    if status.elapsed_s:
        parts.append(f"{clock_text(status.elapsed_s)} elapsed")
    if not status.ended:
        parts += _present(status)
    if status.errors.count:
        parts.append(f"{status.errors.count} error{'s' if status.errors.count > 1 else ''}")
    return ", ".join(parts)


def _present(status: RunStatus) -> list[str]:
    parts = []
    if status.event_text:
        parts.append(event_progress_text(status))
    if status.remaining_s:
        word = "long" if status.state == "prepared" else "left"
        parts.append(f"{clock_text(status.remaining_s)} {word}")
    if status.question:
        parts.append(f"asks: {status.question}")
    elif status.event_kind == "condition" and status.waiting_for:
        parts.append(f"waits for {status.waiting_for}")
    elif status.wait_remaining_s >= 1 or status.state == "waiting":
        parts.append(f"waits {clock_text(status.wait_remaining_s)}")
    elif status.waiting_for:
        parts.append(f"waits for {status.waiting_for}")
    if status.lag_ms > _LATE_MS:
        parts.append(f"{clock_text(status.lag_ms / 1e3)} late")
    return parts


def event_progress_text(status: RunStatus) -> str:
    """Return how far the event in hand is, of one that takes long and tells; "" of others.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> event_progress_text(RunStatus(run="a", event_text="plane 5 of 20", event_fraction=0.25))
    'plane 5 of 20 (25 %)'
    """
    part = status.event_fraction
    return status.event_text if part is None else f"{status.event_text} ({100 * part:.0f} %)"


def forecast_text(forecast: RunForecast) -> str:
    """Return what a run is expected to need; its warnings are not in it.

    Examples
    --------
    >>> from parfocal.core.run_status import RunForecast
    >>> forecast_text(RunForecast(duration_s=75, largest_move_um=300, disk_bytes=5 * 10**6))
    'takes 1:15, largest move 300 um, up to 5 MB on the disk'
    """
    parts = [f"takes {clock_text(forecast.duration_s)}", f"largest move {forecast.largest_move_um:.6g} um"]
    if forecast.disk_bytes:
        told = f" ({parts_text(forecast.disk_parts)})" if len(forecast.disk_parts) > 1 else ""
        parts.append(f"up to {bytes_text(forecast.disk_bytes)} on the disk{told}")
    return ", ".join(parts)


def parts_text(parts: Mapping[str, int]) -> str:
    """Return what takes how much, in words.

    Examples
    --------
    >>> parts_text({"frames": 5_000_000, "tracks": 1})
    'frames 5 MB, tracks 1 MB'
    """
    return ", ".join(f"{name} {bytes_text(size)}" for name, size in parts.items())


def bytes_text(count: int) -> str:
    """Return an amount of data in MB, or GB from 1000 MB on; a begun MB counts.

    Examples
    --------
    >>> bytes_text(5 * 10**6 + 1), bytes_text(1_340_000_000)
    ('6 MB', '1.34 GB')
    """
    return f"{-(-count // 10**6)} MB" if count < 10**9 else f"{count / 1e9:.4g} GB"


def clock_text(seconds: float) -> str:
    """Return a duration as h:mm:ss, or m:ss below an hour; a begun second counts.

    Examples
    --------
    >>> clock_text(0), clock_text(75.2), clock_text(3600), clock_text(4000)
    ('0:00', '1:16', '1:00:00', '1:06:40')
    """
    whole = -int(-seconds // 1)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
