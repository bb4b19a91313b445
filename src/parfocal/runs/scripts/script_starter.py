"""Makes the run of a script, once its services are held."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.ipc import current_call
from parfocal.processes import directory
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.runs.scripts.messages import ScriptSetup
from parfocal.runs.scripts.script_claims import ScriptClaims
from parfocal.runs.scripts.script_process import ScriptProcess
from parfocal.runs.scripts.script_record import ScriptDocument, ScriptRecord
from parfocal.runs.scripts.script_run import ScriptRun
from parfocal.runs.scripts.script_source import ScriptSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.run_status import RunStatus
    from parfocal.processes import ServiceContext
    from parfocal.runs.settings import RunSettings

_ANSWER_S = 5.0


class ScriptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks for; see `RunService.start_script`."""

    script: ScriptSource
    name: str = ""
    folder: str = ""
    changes: tuple[str, ...] = ()
    by_force: bool = False
    notes: dict[str, Any] = {}


class ScriptStarter:
    """Makes runs of scripts, and adds them to the table; they are not started yet. One thread.

    Parameters
    ----------
    context : ServiceContext
        Of the service that carries them out.
    settings : callable
        Returns the settings of that service.
    runs : RunTable
        Those that there are.
    tell : callable
        Is told the states of the runs.
    """

    def __init__(
        self,
        context: ServiceContext,
        settings: Callable[[], RunSettings],
        runs: RunTable,
        tell: Callable[[RunStatus], None],
    ) -> None:
        self._context, self._settings, self._runs, self._tell = context, settings, runs, tell

    def new(self, request: ScriptRequest) -> KnownRun:
        """Return a new run, which holds the services that its script is known to change.

        Raises
        ------
        BadInputError
            If the rig runs no scripts, or there is no place for the record.
        ClaimedError
            If another run uses one of the services; names both.
        """
        module = self._settings().script_process
        if not module:
            raise BadInputError("this rig runs no scripts: its service `runs` was not told what serves one")
        name = (
            self._runs.new_name(request.name) if request.name else self._runs.free_name(_stem(request.script))
        )
        claims = self._claims(name, request)
        try:
            for service in request.changes:
                claims.claim(service)
            run = self._made(name, module, request, claims)
        except BaseException:
            claims.release()
            raise
        claims.listen(run.interfered)
        made = KnownRun(None, None, script=run)
        self._runs.add(name, made)
        return made

    def _claims(self, run: str, request: ScriptRequest) -> ScriptClaims:
        return ScriptClaims(
            run,
            partial(directory.connect, self._context.rig),
            lambda services: self._runs.check_free_beside(services, run),
            by_force=request.by_force,
        )

    def _made(self, name: str, module: str, request: ScriptRequest, claims: ScriptClaims) -> ScriptRun:
        context = self._context
        document = ScriptDocument(
            rig=context.rig,
            run=name,
            path=request.script.path,
            hashes=request.script.hashes(),
            created_at=context.clock.utc_ns() * 1e-9,
            notes=request.notes,
        )
        return ScriptRun(
            ScriptProcess(module, ScriptSetup(context.rig, name, request.script)),
            claims,
            ScriptRecord(self._place(request.folder), document, request.script, context.clock),
            children=lambda: self._runs.children(name),
            clock=context.clock,
            log=context.log,
            tell=self._tell,
            caller=lambda: current_call().caller,
        )

    def _place(self, folder: str) -> Path:
        """Return where records go: as asked for, as the rig's recorder has it, else where the rig runs."""
        recorder = self._settings().recorder
        if folder or not recorder:
            return Path(folder) if folder else self._context.folder / "scripts"
        with self._context.connect(recorder) as client:
            settings = client.call("get_settings", timeout_s=_ANSWER_S)
        return Path(settings["folder"]).absolute()


def _stem(script: ScriptSource) -> str:
    return Path(script.path).stem
