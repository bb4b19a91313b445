"""Rigs that run on in the background: ``python -m parfocal.rig.detached`` is the process of one.

::

    stdin   RigBegin: the laboratory, and where to import from
    stdout  RigReady or RigFailed, one line
    stderr  what cannot be told so; once it is ready, ``rig.err`` in the rig's runtime folder
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import traceback
from typing import IO, TYPE_CHECKING, Any

import msgspec

from parfocal.core import errors
from parfocal.core.errors import ParfocalError, StartError
from parfocal.processes.session import start_module
from parfocal.processes.setting_layers import Layers
from parfocal.processes.system import run_on
from parfocal.rig.connections import search_path

if TYPE_CHECKING:
    from parfocal.rig.layered_config import LayeredConfig

_ENDS_WITHIN_S = 10.0


class RigBegin(msgspec.Struct, frozen=True):
    """What the process of a detached rig is given."""

    config: dict[str, Any]
    search_path: list[str]
    layers: dict[str, Layers] = {}
    warnings: tuple[str, ...] = ()


class RigReady(msgspec.Struct, frozen=True, tag=True):
    """Every service is ready."""

    pid: int


class RigFailed(msgspec.Struct, frozen=True, tag=True):
    """It did not start: an error of `parfocal.core.errors`, by its class, its text and its attributes."""

    kind: str
    message: str
    attributes: dict[str, Any]


class DetachedStart:
    """A rig that is being started in a process and a session of its own. `cancel` may come from any thread.

    Parameters
    ----------
    layered : LayeredConfig
        The laboratory, and where its settings come from: see `config_to_start`.
    """

    def __init__(self, layered: LayeredConfig) -> None:
        config, layers, warnings = layered
        self.rig = config.name
        self._begin = RigBegin(config.model_dump(mode="json"), search_path(), layers, warnings)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `wait`
        self._child = start_module("parfocal.rig.detached", stdout=subprocess.PIPE, stderr=self._said)
        self._cancelled = False

    def wait(self) -> int:
        """Return the rig's process when every service is ready; for one thread, once.

        Raises
        ------
        AlreadyRunningError, StartError
            As `parfocal.open_rig`; nothing is left running. A start that was cancelled raises `StartError`.
        """
        child = self._child
        with self._said as said:
            try:
                answer = _ask(child, msgspec.json.encode(self._begin, enc_hook=str))
            except BaseException:  # Ctrl-C: what has begun is ended, and nobody else would do it
                child.terminate()
                child.wait(_ENDS_WITHIN_S)
                raise
            if answer is None:
                code = child.wait()
                said.seek(0)
                text = said.read().decode(errors="replace").strip()
                why = f"the rig's process ended: {text or 'it said nothing'}"
                raise StartError(
                    "the start was cancelled" if self._cancelled else why, service="rig", exit_code=code
                )
        if isinstance(answer, RigFailed):
            child.wait()
            raise _error_of(answer)
        run_on(child)
        return answer.pid

    def cancel(self) -> None:
        """End what has begun to start; `wait` raises once it has ended. Never waits."""
        self._cancelled = True
        self._child.terminate()


def start_detached(layered: LayeredConfig) -> int:
    """Start a rig in a process and a session of its own; return its process when every service is ready.

    Raises
    ------
    AlreadyRunningError, StartError
        As `parfocal.open_rig`; nothing is left running.
    """
    return DetachedStart(layered).wait()


def _ask(child: subprocess.Popen[bytes], begin: bytes) -> RigReady | RigFailed | None:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with child.stdin as stdin, child.stdout as stdout:
            stdin.write(begin + b"\n")
            stdin.flush()
            line = stdout.readline()
    except BrokenPipeError:  # it was ended before it could read
        return None
    return msgspec.json.decode(line, type=RigReady | RigFailed) if line else None


def _error_of(failed: RigFailed) -> ParfocalError | PermissionError:
    if failed.kind == "PermissionError":
        return PermissionError(failed.message)
    kind = getattr(errors, failed.kind, StartError)
    error: ParfocalError = kind(failed.message, **failed.attributes)
    return error


def main() -> None:
    """Start the rig that stdin describes, tell how that went, and run until somebody ends it."""
    begin = msgspec.json.decode(sys.stdin.buffer.readline(), type=RigBegin)
    sys.path.extend(entry for entry in begin.search_path if entry not in sys.path)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = sys.stdout.buffer
    try:
        _run(begin, answers)
    except KeyboardInterrupt:
        return
    except (ParfocalError, PermissionError) as error:
        attributes = {name: value for name, value in vars(error).items() if not name.startswith("_")}
        _report(answers, RigFailed(type(error).__name__, str(error), attributes))
        raise SystemExit(1) from None


def _run(begin: RigBegin, answers: IO[bytes]) -> None:
    from parfocal.processes import Supervisor
    from parfocal.processes.directory import RIG_FILE
    from parfocal.rig.assemble import service_specs
    from parfocal.rig.config import load_config, save_config, without_secrets
    from parfocal.rig.panel_config import panels_of

    config = load_config(begin.config)
    specs = service_specs(config, begin.layers)
    panels = panels_of(config.panels, config.plots)
    supervisor = Supervisor(config.name, specs, detached=True, warnings=begin.warnings, panels=panels)
    with supervisor:
        save_config(without_secrets(config), supervisor.folder / RIG_FILE)
        _report(answers, RigReady(os.getpid()))
        _let_go_of_the_terminal(str(supervisor.folder / "rig.err"))
        try:
            supervisor.wait()
        except KeyboardInterrupt as error:
            supervisor.stop(str(error))


def _report(answers: IO[bytes], answer: RigReady | RigFailed) -> None:
    try:
        answers.write(msgspec.json.encode(answer, enc_hook=str) + b"\n")
        answers.flush()
    except OSError:  # whoever started it is gone
        traceback.print_exc()


def _let_go_of_the_terminal(log: str) -> None:
    """Read nothing, print nothing, and write errors to the file `log`."""
    nothing, errors_to = os.open(os.devnull, os.O_RDWR), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor, target in ((0, nothing), (1, nothing), (2, errors_to)):
        os.dup2(target, descriptor)
    os.close(nothing)
    os.close(errors_to)


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


if __name__ == "__main__":
    main()
