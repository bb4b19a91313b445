"""A process that runs a script: ``python -m parfocal.rig.script_main``, told through its stdin what to do.

What the script prints goes to stderr, which is its log. The process ends, with all that it has started, when
the service that carries out runs does: its stdin is closed then.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import IO, TYPE_CHECKING, cast

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ParfocalError, error_text, sendable
from parfocal.ipc.message_pipe import MessageReader, MessageWriter, PipeClosedError
from parfocal.processes.identity import give_title
from parfocal.processes.system import end_group
from parfocal.rig.connections import AttachedRig
from parfocal.rig.lab import Lab
from parfocal.rig.rig import Rig
from parfocal.runs.scripts.messages import (
    FinishScript,
    FromScript,
    GoOnWithScript,
    HoldScript,
    ScriptAnswer,
    ScriptBegan,
    ScriptEnded,
    ScriptSetup,
    ServiceClaimed,
    StopScript,
    ToScript,
)
from parfocal.runs.scripts.script_gate import ScriptGate, ScriptStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parfocal.runs.scripts.script_source import ScriptSource

_MODULE = "__script__"  # no module beside a script has this name
_MOST_TOLD = 2000


def main() -> None:
    """Run one script."""
    told, telling = _pipes()
    _keep_from_forks(told.fileno(), telling.fileno())
    reader: MessageReader[ToScript] = MessageReader(told, ToScript)
    setup = cast("ScriptSetup", reader.receive())
    writer, lock = MessageWriter(telling), threading.Lock()

    def tell(message: FromScript) -> None:
        with lock, suppress(PipeClosedError):  # the thread that reads ends the process
            writer.send(message)

    gate = ScriptGate(SYSTEM_CLOCK, tell)
    threading.Thread(target=_listen, args=(reader, gate), name="pipe", daemon=True).start()
    give_title(setup.rig, f"script {setup.run}")
    sys.path.append(setup.script.folder)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    tell(_carried_out(setup, gate, tell))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of the script end with it


def _carried_out(setup: ScriptSetup, gate: ScriptGate, tell: Callable[[FromScript], None]) -> ScriptEnded:
    """Attach to the rig, call ``main`` and wait for what it started; return how that ended."""
    try:
        connection = AttachedRig(setup.rig)
        with Rig(connection) as rig, Lab(rig, connection, setup.run, gate) as lab:
            tell(ScriptBegan())
            return _run(setup.script, lab)
    except Exception as error:  # noqa: BLE001 (the border of the process: the engine is told)
        traceback.print_exc()
        return _failed(error, setup.script)


def _run(script: ScriptSource, lab: Lab) -> ScriptEnded:
    try:
        with _leaving_forks(script):
            _call_main(script, lab)
        lab._wait_for_runs()
    except ScriptStopped as stopped:
        sys.stderr.write(f"ended: {stopped}\n")
        lab._finish_runs()
        return ScriptEnded(stopped=True)
    except SystemExit as exit:
        return ScriptEnded(error=_told(f"it left with sys.exit({exit.code!r})"), kind="SystemExit")
    except BaseException as error:  # noqa: BLE001 (the border of the script: its run has failed)
        _print(error, script)
        return _failed(error, script)
    return ScriptEnded()


def _call_main(script: ScriptSource, lab: Lab) -> None:
    """Run a script as a module that others find by its name, as pickle and dataclasses do; call ``main``."""
    module = ModuleType(_MODULE)
    module.__file__ = script.path
    sys.modules[_MODULE] = module
    try:
        exec(compile(script.text, script.path, "exec", dont_inherit=True), module.__dict__)
        module.main(lab)
    except SystemExit as exit:
        if exit.code not in (None, 0):
            raise


@contextmanager
def _leaving_forks(script: ScriptSource) -> Iterator[None]:
    """Pass; a fork of the process that comes out of it ends there: the lab is that of the script alone."""
    this, code = os.getpid(), 0
    try:
        yield
    except BaseException as error:
        if os.getpid() == this:
            raise
        _print(error, script)
        code = 1
    if os.getpid() != this:
        sys.stdout.flush()
        os._exit(code)


def _keep_from_forks(*pipes: int) -> None:
    """Take pipes from forks of this process: the engine would take what they hold for the script itself."""

    def forked() -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        for pipe in pipes:
            os.dup2(nothing, pipe, inheritable=False)
        os.close(nothing)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)


def _told(text: str) -> str:
    r"""Return a text as it is told: its begin, without what UTF-8 has no place for. The log has all of it.

    Examples
    --------
    >>> _told("no file a\udcff.txt")
    'no file a\\udcff.txt'
    """
    told = text if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]} ..."
    return sendable(told)


def _failed(error: BaseException, script: ScriptSource) -> ScriptEnded:
    """Return what failed, with the last line of the script that was at work."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script.path
    ]
    where = f" ({script.name}, line {lines[-1]})" if lines else ""
    kind = type(error).__name__
    return ScriptEnded(error=f"{_told(f'{kind}: {error_text(error)}')}{where}", kind=kind)


def _print(error: BaseException, script: ScriptSource) -> None:
    """Print a traceback from the script on; what is raised on purpose says itself what it comes from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != script.path:
        trace = trace.tb_next
    on_purpose = isinstance(error, ParfocalError)
    traceback.print_exception(type(error), error, trace or error.__traceback__, chain=not on_purpose)


def _listen(reader: MessageReader[ToScript], gate: ScriptGate) -> None:
    """Bring what the engine asks to the gate, until it is gone: then nothing of this process is left."""
    with suppress(PipeClosedError):
        while True:
            _bring(reader.receive(), gate)
    end_group(os.getpid())
    os._exit(1)


def _bring(message: ToScript, gate: ScriptGate) -> None:
    match message:
        case HoldScript():
            gate.hold()
        case GoOnWithScript():
            gate.go_on()
        case FinishScript(reason=reason):
            gate.finish(reason)
        case StopScript(reason=reason):
            gate.stop(reason)
        case ScriptAnswer(choice=choice, number=number):
            gate.answer(choice, number)
        case ServiceClaimed(service=service, error=error, stays=stays):
            gate.claimed(service, error, stays=stays)


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the two ends of the pipe to the engine: what the script reads and prints is something else."""
    told, telling = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return told, telling


if __name__ == "__main__":
    main()
