"""Closes what a run has left whose process died: dark first, then its record."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError, ParfocalError
from parfocal.core.run_status import RunError, RunErrors, RunStatus
from parfocal.runs.earlier_run import killed_run
from parfocal.runs.instruments.calling import answers
from parfocal.runs.scripts.script_record import close_left_record

if TYPE_CHECKING:
    from parfocal.processes import ServiceContext
    from parfocal.runs.last_run import UnfinishedRun
    from parfocal.runs.settings import RunSettings

_ANSWER_S = 5.0
_BACK_S = 20.0


def close_left_run(left: UnfinishedRun, context: ServiceContext, settings: RunSettings) -> RunStatus:
    """Go dark, and close the record of a run whose process died; return its final status.

    A run whose record was closed before has ended as that says.
    """
    reason = f"the run engine died at event {left.event}" if left.event >= 0 else "the run engine died"
    with suppress(CommandError):
        for service in filter(None, (settings.channels, *settings.lights)):
            context.connect(service).submit("off", timeout_s=_ANSWER_S)
    _ask(context, settings.camera, "stop")
    _ask(context, settings.tracker, "stop_roi_video")
    if left.script:
        close_left_record(Path(left.folder), reason, context.clock.utc_ns() * 1e-9)
        report: dict[str, Any] = {}
    else:
        report = _close_record(left.folder, context, settings, reason)
    context.log.error("run %s: %s", left.run, reason)
    died = RunError(source=context.service, type="died", message=reason, event=left.event)
    status = RunStatus(
        run=left.run,
        state="ended",
        outcome=report.get("outcome", "failed"),
        reason=report.get("reason", reason),
        event_number=left.event,
        frames_stored=report.get("stored", {}).get(settings.camera, 0),
        errors=RunErrors(count=1, last=(died,)),
        created_at=left.created_at,
        finished_at=context.clock.utc_ns() * 1e-9,
        folder=left.folder or report.get("run", ""),
    )
    return _counted(status, settings, context) if status.folder and not left.script else status


def _counted(status: RunStatus, settings: RunSettings, context: ServiceContext) -> RunStatus:
    """Return the status of a run with what became of its events, by its journal and what is stored."""
    try:
        found = killed_run(status.folder, settings).recovery
    except (ParfocalError, OSError) as error:
        context.log.error("run %s: what became of its events is not known: %s", status.run, error)
        return status
    counts = found.counts
    return replace(
        status,
        events_total=found.total,
        events_consumed=found.total - found.left,
        events_acquired=counts.acquired,
        events_dropped=counts.dropped,
        frames_received=counts.frames,
        stimulations=counts.stimulations,
        autofocuses=counts.autofocuses,
    )


def _close_record(folder: str, context: ServiceContext, settings: RunSettings, reason: str) -> dict[str, Any]:
    """Close the record in a folder, or else the one that is open, as failed; return the recorder's report.

    Without either the run had not begun one: nothing is returned, as the recorder tells of an earlier run.
    """
    if settings.recorder:  # it may have been killed, too: its next process takes the run up
        client = context.connect(settings.recorder)
        poll_until(lambda: answers(client, _ANSWER_S), _BACK_S, clock=context.clock)
    if not folder:
        record = _ask(context, settings.recorder, "status")
        if record is None or record["outcome"] != "recording":
            return {}
        folder = record["run"]
    report = _ask(context, settings.recorder, "finish", reason=reason, outcome="failed", run=folder)
    return report or {"run": folder}


def _ask(context: ServiceContext, service: str, name: str, **arguments: Any) -> Any:
    """Return what a service answers; None if there is none, or it does not answer."""
    if not service:
        return None
    try:
        return context.connect(service).call(name, timeout_s=_ANSWER_S, **arguments)
    except CommandError as error:
        context.log.error("%s.%s() after the death of the run engine: %s", service, name, error)
        return None
