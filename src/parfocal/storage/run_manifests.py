"""The first and the final manifest of a run: what was asked and found, and the outcome that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.frames import FrameSpec
from parfocal.core.status import StoredCount
from parfocal.processes.versions import loaded_versions
from parfocal.storage.incidents import Incident, given_up, report
from parfocal.storage.manifest import Manifest, StreamRecord, Writer
from parfocal.storage.moment import Moment
from parfocal.storage.notes import FIELDS, annotated, first_edits
from parfocal.storage.outcome import Ending, decide_outcome, explain_outcome
from parfocal.storage.phases import describe_phases, earlier_losses

if TYPE_CHECKING:
    from parfocal.storage.collecting import Collected
    from parfocal.storage.folder import RunFolder
    from parfocal.storage.requests import RunRequest, Site


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever ends a run says of its end; see `Recording.finish`.

    Attributes
    ----------
    asked_by : str
        Who that is. A service that has ended since is not waited for: its next process waits for the record.
    """

    ending: Ending
    reason: str = ""
    devices: dict[str, Any] = {}
    losses: dict[str, int] = {}
    missing: int | None = None
    asked: dict[str, int] = {}
    errors: tuple[str, ...] = ()
    asked_by: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether somebody has compared what was asked for with what was produced."""
        return self.missing is not None or bool(self.asked)


def first_manifest(
    run: RunFolder,
    request: RunRequest,
    records: dict[str, StreamRecord],
    collected: Collected,
    site: Site,
    warnings: tuple[str, ...] = (),
) -> Manifest:
    """Return the manifest of a run that begins now; `collected` is what the services said."""
    sizes = [record.spec.pixel_size_um for record in records.values() if isinstance(record.spec, FrameSpec)]
    started = Moment.now(site.clock)
    manifest = Manifest(
        run=run.path.name,
        name=request.name,
        rig=site.rig,
        started=started,
        recorder=Writer.this(site.service),
        pixel_size_um=sizes[0] if sizes else None,
        operator=request.operator,
        sample=request.sample,
        notes=request.notes,
        edits=first_edits(request, started),
        plan_notes=request.plan_notes,
        warnings=warnings,
    )
    return _as_found(manifest, request, records, collected)


def next_manifest(
    manifest: Manifest,
    request: RunRequest,
    records: dict[str, StreamRecord],
    collected: Collected,
    site: Site,
) -> Manifest:
    """Return the manifest of a run that goes on with another phase, in which `records` are recorded."""
    said = {field: getattr(request, field) or None for field in FIELDS}
    goes_on = msgspec.structs.replace(
        annotated(manifest, said, site.clock),
        rig=site.rig,
        recorder=Writer.this(site.service),
        plan_notes=manifest.plan_notes | request.plan_notes,
    )
    return _as_found(goes_on, request, records, collected)


def _as_found(
    manifest: Manifest, request: RunRequest, records: dict[str, StreamRecord], collected: Collected
) -> Manifest:
    """Add the streams that are recorded from now on, and how the rig is when that begins."""
    return msgspec.structs.replace(
        manifest,
        settings=collected.settings | request.settings,
        setting_sources=collected.setting_sources,
        devices=collected.states | request.devices,
        losses_at_start=collected.losses,
        artifacts=collected.artifacts,
        missing=collected.missing,
        versions=loaded_versions(),
        service_versions=collected.versions,
        streams=manifest.streams | records,
    )


def final_manifest(
    manifest: Manifest,
    ended: Ended,
    after: Collected,
    lost: dict[str, dict[str, int]],
    *,
    stop_on_error: bool,
) -> Manifest:
    """Return the manifest with its outcome.

    Parameters
    ----------
    manifest : Manifest
        With what every stream came to, all incidents, and when it ended.
    ended : Ended
        How it was ended.
    after : Collected
        What the services said at the end.
    lost : dict of str to (dict of str to int)
        What each service lost during the run, by reason.
    stop_on_error : bool
        Whether an error in one stream makes the run a failed one.
    """
    counts = {name: _count_in(record) for name, record in manifest.streams.items()}
    losses = _all_losses(manifest, ended, lost)
    outcome = decide_outcome(
        ended.ending,
        counts.values(),
        lost_before=sum(losses.values()) + sum(earlier_losses(manifest).values()),
        failed=bool(given_up(manifest.incidents))
        or (stop_on_error and any(count.error for count in counts.values())),
        interrupted=not ended.is_compared and _was_interrupted(manifest),
    )
    happened = [
        *describe_phases(manifest),
        *report(manifest.incidents, manifest.began),
        *_unreported_restarts(manifest),
    ]
    reason = explain_outcome(outcome, ended.reason, happened, counts, losses)
    return msgspec.structs.replace(
        manifest,
        outcome=outcome,
        reason=reason,
        devices_at_end=after.states | ended.devices,
        service_versions_at_end={
            name: versions
            for name, versions in after.versions.items()
            if versions != manifest.service_versions.get(name)
        },
        artifacts=manifest.artifacts | after.artifacts,
        missing=manifest.missing | {f"{what} at the end": why for what, why in after.missing.items()},
        losses=losses,
        errors=(*manifest.errors, *ended.errors),
    )


def _all_losses(manifest: Manifest, ended: Ended, lost: dict[str, dict[str, int]]) -> dict[str, int]:
    """Return what never came to a recorded stream, by reason.

    What the service lost that numbers recorded frames is left out: the numbers tell that, frame by frame.
    """
    frames = [record for record in manifest.streams.values() if record.kind != "rows"]
    counted = {record.numbered_by or record.writer for record in frames}
    losses = dict(ended.losses)
    if ended.missing:
        losses["never produced"] = ended.missing
    for service, reasons in lost.items():
        for reason, number in reasons.items():
            if service not in counted:
                losses[reason] = losses.get(reason, 0) + number
    return losses


def _was_interrupted(manifest: Manifest) -> bool:
    """Return whether the writer of a recorded stream was started again."""
    writers = {record.writer for record in manifest.streams.values()}
    return any(record.ring.ring > 1 for record in manifest.streams.values()) or any(
        _ended(incident) and incident.service in writers for incident in manifest.incidents
    )


def _unreported_restarts(manifest: Manifest) -> list[str]:
    """Return a sentence for each stream whose writer came back without an incident of a service."""
    stated = {incident.service for incident in manifest.incidents}
    return [
        f"the writer of {name} was started again"
        for name, record in manifest.streams.items()
        if record.ring.ring > 1 and record.writer not in stated
    ]


def _ended(incident: Incident) -> bool:
    return incident.state in ("crashed", "hung", "degraded", "ready")


def _count_in(record: StreamRecord) -> StoredCount:
    return StoredCount(
        expected=record.expected,
        stored=record.stored,
        renumbered=record.renumbered,
        error=record.error,
        uncounted=record.uncounted,
        unsynced=record.unsynced,
        repeated=record.repeated,
    )
