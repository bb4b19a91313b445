"""``parfocal up``, ``down`` and ``rigs``: starting, ending and listing laboratories."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from typing import Annotated

from cyclopts import Parameter
from rich.status import Status
from rich.table import Table

from parfocal.cli.calls import only_rig
from parfocal.cli.output import console, print_json
from parfocal.cli.values import named_values
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StartError
from parfocal.processes import directory
from parfocal.rig.opening import attach, load_source, open_rig


def up(
    source: str,
    *,
    name: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    detach: bool = False,
    json: bool = False,
) -> None:
    """Start a laboratory and keep it running until Ctrl-C or `parfocal down`.

    Parameters
    ----------
    source
        A rig file (TOML), or the name of a built-in rig.
    name
        Run it under another name than the file's.
    set_
        Replace a setting: SERVICE.SETTING=VALUE; may be given several times.
    detach
        Return when every service is ready; the rig runs on in the background.
    json
        When ready, print name, process and services as one JSON line.

    Examples
    --------
    parfocal up tweezers --set camera.options.frame_rate_hz=200

    parfocal up my-lab.toml --name left --detach
    """
    if detach:
        _up_detached(source, name, set_ or [])
        return
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, _interrupt)
    began_ns = SYSTEM_CLOCK.monotonic_ns()
    with _starting(source):
        opened = open_rig(source, name=name, changes=named_values(set_ or []))
    with opened as rig:
        if json:
            print_json({"rig": rig.name, "pid": os.getpid(), "services": rig.services})
        else:
            ready_s = (SYSTEM_CLOCK.monotonic_ns() - began_ns) / 1e9
            console().print(f"rig {rig.name!r} is ready after {ready_s:.1f} s: {', '.join(rig.services)}")
            console().print(f"end it with Ctrl-C or `parfocal down {rig.name}`")
        rig.wait()


def down(rig: str | None = None) -> None:
    """End a running laboratory: outputs safe, streams drained, every process gone.

    Parameters
    ----------
    rig
        Which rig; may be left out while only one is running.

    Examples
    --------
    parfocal down tweezers
    """
    name = only_rig(rig)
    with attach(name) as running:
        running.stop()
    console().print(f"rig {name!r} has ended")


def rigs(*, json: bool = False) -> None:
    """List the laboratories that run on this machine for this user.

    Parameters
    ----------
    json
        Print them as one JSON object.

    Examples
    --------
    parfocal rigs
    """
    running = directory.rigs()
    if json:
        print_json({"rigs": running})
        return
    if not running:
        console().print("no rig is running; start one with `parfocal up`")
        return
    table = Table("rig", "process", "services", box=None, pad_edge=False)
    for record in running:
        table.add_row(record.rig, str(record.pid), ", ".join(record.services))
    console().print(table)


def _up_detached(source: str, name: str | None, changes: list[str]) -> None:
    """Start ``parfocal up`` in a session of its own and wait until its first line says that it is ready."""
    config = load_source(source)
    words = [source, "--json", *(["--name", name] if name else [])]
    words += [word for change in changes for word in ("--set", change)]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "parfocal", "up", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        assert child.stdout is not None
        with child.stdout as answer, _starting(source):
            ready = answer.readline()
        if not ready:
            code = child.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise StartError(said.removeprefix("parfocal: "), service="rig", exit_code=code)
    rig = name or config.name
    console().print(f"rig {rig!r} is ready as process {child.pid}; end it with `parfocal down {rig}`")


def _starting(source: str) -> Status:
    """Tell whoever watches a terminal why nothing happens yet."""
    return console(quiet=True).status(f"starting {source} (the very first start compiles for half a minute)")


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
