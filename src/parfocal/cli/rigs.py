"""``parfocal up``, ``down``, ``restart`` and ``rigs``: starting, ending and listing laboratories."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table

from parfocal.cli.output import console, print_json
from parfocal.cli.signals import ending_signals, interrupt
from parfocal.cli.which_rig import RunningRig, only_rig
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.processes import directory
from parfocal.processes.kept_settings import read_kept
from parfocal.rig.config import read_changes
from parfocal.rig.job import FIRST_START
from parfocal.rig.opening import attach, load_source, open_rig

if TYPE_CHECKING:
    from rich.status import Status


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
    for number in ending_signals():
        signal.signal(number, interrupt)
    if not detach:
        _stay_in_foreground()
    began_ns = SYSTEM_CLOCK.monotonic_ns()
    with _starting(source):
        config = load_source(source)
        opened = open_rig(config, name=name, changes=read_changes(config, set_ or []), detach=detach)
    with opened as rig:
        pid = rig.status().pid
        if json:
            print_json({"rig": rig.name, "pid": pid, "services": rig.services})
        elif detach:
            console().print(
                f"rig {rig.name!r} is ready as process {pid}; end it with `parfocal down {rig.name}`"
            )
        else:
            ready_s = (SYSTEM_CLOCK.monotonic_ns() - began_ns) / 1e9
            console().print(f"rig {rig.name!r} is ready after {ready_s:.1f} s: {', '.join(rig.services)}")
            console().print(f"end it with Ctrl-C or `parfocal down {rig.name}`")
        if not json and (kept := sum(map(len, read_kept(rig.name).services.values()))):
            console().print(f"{kept} kept settings go before those of its file: `parfocal settings --kept`")
        if not detach:
            rig.wait()


def down(rig: RunningRig = None) -> None:
    """End a running laboratory: outputs safe, streams drained, every process gone.

    Examples
    --------
    parfocal down tweezers
    """
    name = only_rig(rig)
    with attach(name) as running:
        running.stop()
    console().print(f"rig {name!r} has ended")


def restart(service: str, *, rig: RunningRig = None) -> None:
    """End a service in order and start it again, also one that was given up; returns when it is ready.

    Parameters
    ----------
    service
        Name of the service.

    Examples
    --------
    parfocal restart camera

    parfocal restart tracker --rig tweezers
    """
    with attach(only_rig(rig)) as running:
        running.restart(service)
    console().print(f"service {service!r} is ready again")


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
    table = Table("rig", "process", "", "services", box=None, pad_edge=False)
    for record in running:
        how = "detached" if record.detached else ""
        table.add_row(record.rig, str(record.pid), how, ", ".join(record.services))
    console().print(table)
    console().print(f"\nlogs, until a rig ends: {directory.runtime_root() / 'RIG'}")
    console().print(f"streams, likewise: {directory.shm_root() / 'RIG'}")


def _starting(source: str) -> Status:
    """Tell whoever watches a terminal why nothing happens yet."""
    return console(quiet=True).status(f"starting {source} ({FIRST_START})")


def _stay_in_foreground() -> None:
    """Keep a rig going that a terminal would stop: a stopped process watches none of its services."""
    if not hasattr(signal, "SIGTSTP"):
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, _refuse_to_stop)


def _refuse_to_stop(_signal: int, _frame: object) -> None:
    with suppress(OSError):
        os.write(
            sys.stderr.fileno(),
            b"\na running rig cannot be put aside: end it with Ctrl-C, or start it with --detach\n",
        )
