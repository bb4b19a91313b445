"""Completes a run that was cut short, in the rig that its record tells, started again if need be."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.frames import RowSpec
from parfocal.processes import directory
from parfocal.processes.versions import loaded_versions
from parfocal.rig.config import HIDDEN, load_config
from parfocal.rig.opening import attach, open_rig
from parfocal.runs.analysis_log import DOSES, STIMULATIONS
from parfocal.runs.analysis_rows import DOSE, STIMULATION
from parfocal.runs.earlier_run import KilledRun, killed_run
from parfocal.runs.event_log import DTYPE, STREAM
from parfocal.runs.pipeline.request import PipelineRequest, pipeline_request
from parfocal.runs.recovery.differences import changed_values
from parfocal.runs.recovery.report import report_of
from parfocal.runs.scripts.script_record import FILE as SCRIPT
from parfocal.runs.scripts.script_record import ScriptDocument
from parfocal.runs.settings import RunSettings
from parfocal.storage.outcome import RECORDING
from parfocal.storage.recorded_run import open_run

if TYPE_CHECKING:
    from types import TracebackType

    from parfocal.rig.rig import Rig
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.recovery.report import RecoveryReport
    from parfocal.storage.manifest import Manifest

_CLOSED = ("complete", "incomplete")
_LAYOUTS = {STREAM: DTYPE, STIMULATIONS: STIMULATION, DOSES: DOSE}
"""The tables that a run writes, as this version does."""
_ASKED = ("kept", "set", "live")
"""Sources of settings that were another thing than in the file of the rig."""


class RigRecovery:
    """A run that was cut short, and the rig in which it can be completed. Made by `recover`; close it.

    Attributes
    ----------
    rig : Rig or None
        In which it goes on; None if nothing is left to do.
    report : RecoveryReport
        How the run stands, and all that differs from when it began.
    outcome : str
        How its record says that it ended.

    Examples
    --------
    ``with recover("runs/2026-03-01T14-05-09_erk") as found: found.differences, found.complete().wait()``
    """

    def __init__(
        self,
        rig: Rig | None,
        report: RecoveryReport,
        outcome: str,
        *,
        is_for_this: bool = False,
        pipeline: PipelineRequest | None = None,
    ) -> None:
        self.rig, self.report, self.outcome = rig, report, outcome
        self._pipeline = pipeline
        self._ends_unused = is_for_this

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.rig is None

    @property
    def differences(self) -> tuple[str, ...]:
        """What of the rig was another thing when the run began, in words."""
        return self.report.differences

    def complete(self) -> RunHandle:
        """Have the run go on until its plan is done; return its handle.

        Raises
        ------
        BadInputError
            If nothing is left to do, or it can't be completed; says why.
        """
        if self.rig is None:
            raise BadInputError(f"run {self.report.run!r} is {self.outcome}: nothing of it is left to do")
        if self.report.refused:
            raise BadInputError(self.report.refused)
        self.rig.keep_light()
        handle = self.rig.runs.recover(self.report.folder, self.differences, self._pipeline)
        self._ends_unused = False
        return handle

    def close(self) -> None:
        """Let go of the rig. Idempotent.

        One that was started for this ends, unless it is detached and carries out the run.
        """
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.rig is None:
            return
        if self._ends_unused:
            self.rig.stop()
        self.rig.__exit__(kind, error, trace)


def recover(folder: Path | str, *, detach: bool = False) -> RigRecovery:
    """Look at a run that was cut short, and start the rig in which it can be completed.

    That is the rig of the name that its record tells, if it runs; else it is started by the file in the
    record, with the settings that the run began with. Nothing moves, and nothing is lit, before
    `RigRecovery.complete`.

    Parameters
    ----------
    folder : path
        Of the run.
    detach : bool
        Whether a rig that is started runs on in the background; see `parfocal.open_rig`.

    Raises
    ------
    BadInputError
        If there is no run of a plan, or it goes on: names it.
    ConfigError, StartError
        If the rig can't be started.
    """
    folder = Path(folder).absolute()
    _check_no_script(folder)
    manifest = open_run(folder).manifest
    if manifest.seen == RECORDING:
        name = manifest.name or manifest.run
        raise BadInputError(
            f"run {name!r} in {folder} goes on, in rig {manifest.rig!r}: it needs no recovery"
        )
    killed = status_of_killed(folder, manifest)
    if not killed.recovery.left and manifest.seen.startswith(_CLOSED):
        return RigRecovery(None, report_of(str(folder), killed), manifest.seen)
    asked = killed.journalled.request
    for entry in (*asked.search_path, *(() if asked.pipeline is None else asked.pipeline.search_path)):
        if entry not in sys.path:
            sys.path.append(entry)
    pipeline, other_steps = _as_it_is_now(asked.pipeline)
    is_for_this = not _is_up(manifest.rig)
    rig = _rig_of(folder, manifest, detach=detach)
    try:
        report = rig.runs.recovery(folder)
        found = tuple(_differences(rig, manifest))
        report = msgspec.structs.replace(report, differences=(*report.differences, *other_steps, *found))
    except BaseException:
        if is_for_this:
            rig.stop()
        rig.__exit__(None, None, None)
        raise
    return RigRecovery(rig, report, manifest.seen, is_for_this=is_for_this, pipeline=pipeline)


def _as_it_is_now(asked: PipelineRequest | None) -> tuple[PipelineRequest | None, list[str]]:
    """Return the pipeline of a run with the sources that its steps have now, and which steps are others.

    None if none of them is. Raises `BadInputError` or `ConfigError` for a step that there is no longer.
    """
    if asked is None:
        return None, []
    steps = dict(asked.pipeline.steps())
    unchecked = {name: msgspec.structs.replace(step, source="") for name, step in steps.items()}
    now = pipeline_request(msgspec.structs.replace(asked.pipeline, **unchecked), asked.mode)
    told = [
        f"step {name} ({step.call}) has another source than when the run began"
        for name, step in now.pipeline.steps()
        if step.source != steps[name].source
    ]
    return (msgspec.structs.replace(now, search_path=asked.search_path) if told else None), told


def _check_no_script(folder: Path) -> None:
    """Raise `BadInputError` for the record of a script, naming the runs of it that can be recovered."""
    if not (folder / SCRIPT).is_file():
        return
    document = msgspec.json.decode((folder / SCRIPT).read_bytes(), type=ScriptDocument)
    cut_short = [one.folder for one in document.children if one.folder and one.outcome != "complete"]
    hint = "nothing of it is left to do" if document.outcome == "complete" else "start it again"
    if cut_short:
        hint = f"recover what it has started: {', '.join(cut_short)}"
    raise BadInputError(
        f"{folder} is the record of script {document.run!r} ({document.outcome}), and a script can't go on "
        f"where it was: {hint}"
    )


def status_of_killed(folder: Path, manifest: Manifest) -> KilledRun:
    """Return how a run stands, by its record alone: no rig is needed for that.

    Raises
    ------
    BadInputError
        If the record does not tell it, as it may where another version of parfocal wrote it: names that.
    """
    settings = manifest.settings.get("runs", {})
    known = {name: value for name, value in settings.items() if name in RunSettings.model_fields}
    try:
        return killed_run(str(folder), RunSettings.model_validate(known))
    except BadInputError as error:
        wrote, this = manifest.versions.get("parfocal", ""), loaded_versions()["parfocal"]
        if wrote in ("", this):
            raise
        raise BadInputError(
            f"{error}. The record was written by parfocal {wrote}, and this is {this}: recover it with that"
        ) from error


def _rig_of(folder: Path, manifest: Manifest, *, detach: bool) -> Rig:
    """Return the rig of a record: the one that runs under its name, else one started from its file."""
    if _is_up(manifest.rig):
        return attach(manifest.rig)
    file = folder / directory.RIG_FILE
    if not file.is_file():
        raise BadInputError(f"{folder} has no {directory.RIG_FILE}: nobody knows in which rig it was made")
    config = load_config(file)
    changes = {
        f"{service}.{path}": value
        for service, path, value in _asked(manifest)
        if service in config.services and value != HIDDEN
    }
    return open_rig(config, changes=changes, detach=detach)


def _is_up(rig: str) -> bool:
    return rig in [record.rig for record in directory.rigs()]


def _asked(manifest: Manifest) -> Iterator[tuple[str, str, Any]]:
    """Yield the settings that people had changed, as service, path and value."""
    for service, sources in manifest.setting_sources.items():
        for path, source in sources.items():
            value: Any = manifest.settings.get(service, {})
            for name in path.split("."):
                value = value.get(name) if isinstance(value, Mapping) else None
            if source in _ASKED and value is not None:
                yield service, path, value


def _differences(rig: Rig, manifest: Manifest) -> Iterator[str]:
    """Yield what differs of settings and versions, service by service."""
    services = [name for name in rig.services if name in manifest.settings]
    settings = {name: msgspec.to_builtins(rig[name].get_settings()) for name in services}
    yield from changed_values(manifest.settings, settings)
    for name, dtype in _LAYOUTS.items():
        record = manifest.streams.get(name)
        columns = dict(record.spec.columns) if record is not None and isinstance(record.spec, RowSpec) else {}
        if columns and (more := [column for column in dtype.names or () if column not in columns]):
            yield f"table {name} has no column {', '.join(more)}: what belongs there is left out of it"
    told: set[str] = set()
    for name in services:
        before, now = manifest.service_versions.get(name, {}), rig[name].versions()
        told.update(
            f"{package} was {version}, and is {now[package]}"
            for package, version in before.items()
            if now.get(package, version) != version
        )
    yield from sorted(told)
