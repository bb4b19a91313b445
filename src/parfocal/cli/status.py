"""``parfocal status``: a rig at one instant, or watched."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from rich.live import Live

from parfocal.cli.output import console, print_json
from parfocal.cli.status_view import status_view
from parfocal.cli.which_rig import RunningRig, only_rig
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.rig.opening import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig

REFRESH_S = 0.25


def status(
    rig: RunningRig = None,
    *,
    watch: bool = False,
    json: bool = False,
) -> None:
    """Show the services and streams of a running rig, with what each reader got, lost and has in flight.

    Parameters
    ----------
    watch
        Refresh four times a second until Ctrl-C; with --json, one object a line.
    json
        Print the snapshot as one JSON object.

    Examples
    --------
    parfocal status --watch

    parfocal status tweezers --json
    """
    with attach(only_rig(rig)) as running:
        if watch:
            with suppress(KeyboardInterrupt):
                _watch(running, json)
        elif json:
            print_json(running.status())
        else:
            console().print(status_view(running.status()))


def _watch(running: Rig, json: bool) -> None:
    if json:
        _forever(lambda: print_json(running.status()))
    if not console().is_terminal:  # a file or a pipe: one picture after the other
        _forever(lambda: console().print(status_view(running.status())))
    with Live(status_view(running.status()), console=console(), auto_refresh=False) as live:
        _forever(lambda: live.update(status_view(running.status()), refresh=True))


def _forever(show: Callable[[], None]) -> NoReturn:
    while True:
        SYSTEM_CLOCK.sleep(REFRESH_S)
        show()
