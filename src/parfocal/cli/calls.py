"""``parfocal call`` and ``parfocal commands``: what can be asked of a rig, and asking it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.pretty import Pretty
from rich.text import Text

from parfocal.cli.output import console, print_json, to_json
from parfocal.cli.signatures import signature
from parfocal.cli.value_table import table_of
from parfocal.cli.which_rig import AnyRig, only_rig
from parfocal.core.errors import BadInputError
from parfocal.core.files import save_file
from parfocal.core.text_values import ALL, named_values
from parfocal.ipc.commands import RECEIVER
from parfocal.processes import directory
from parfocal.rig.listing import command_listing, running_commands
from parfocal.rig.opening import attach, attach_or_open, load_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.ipc import CommandInfo

_SHOWN = 12
"""Elements of a list that people are shown."""
_PRINTED = 1000
"""Elements of an array that a JSON line holds."""


def call(
    service: str,
    command: str,
    *arguments: str,
    rig: AnyRig = None,
    timeout_s: float | None = 60.0,
    force: bool = False,
    json: bool = False,
    out: Path | None = None,
) -> None:
    """Call a command of a service of a running rig and print its result. Ctrl-C cancels the call.

    Parameters
    ----------
    service
        Name of the service, or `rig` for the rig itself.
    command
        Name of the command; see `parfocal commands`.
    arguments
        Each as name=value; a value is read as its declared type (see `parfocal commands`), and as JSON where
        that takes several.
    timeout_s
        Deadline of the call.
    force
        Change the service although a run uses it; the run records that.
    json
        Print the result as one JSON line; arrays of more than 1000 elements are told by their type and shape.
    out
        Write the result to this file as JSON, all of it.

    Examples
    --------
    parfocal call camera set_exposure_ms exposure_ms=2.0

    parfocal call tracker list_rois --rig tweezers --json

    parfocal call board scope_acquire --out trace.json
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {out.absolute().parent} for --out {out}")
    with attach_or_open(only_rig(rig)) as running:
        asked = running[service]
        given = _arguments(asked.commands(), command, arguments) if arguments else {}
        pending = asked.submit(command, timeout_s=timeout_s, force=force, **given)
        try:
            result = pending.result()
        except KeyboardInterrupt:
            pending.cancel("Ctrl-C")
            raise KeyboardInterrupt(f"{service}.{command} was cancelled") from None
    _report(result, json, out)


def commands(
    source: str | None = None, *, service: str | None = None, script: bool = False, json: bool = False
) -> None:
    """List the commands of a laboratory without starting anything.

    Parameters
    ----------
    source
        A running rig, a rig file or a built-in rig; all kinds of services without it.
    service
        Only those of this service (or kind of service).
    script
        Only those that scripts may use.
    json
        Print them as one JSON object.

    Examples
    --------
    parfocal commands

    parfocal commands tweezers --service camera
    """
    if source in [record.rig for record in directory.rigs()]:
        with attach(source) as rig:
            listing = running_commands(rig, service, script=script)
    else:
        listing = command_listing(None if source is None else load_source(source), service, script=script)
    if json:
        print_json(listing)
        return
    for name, infos in listing.items():
        console().print(Text(name, "bold"))
        for info in infos:
            console().print(Padding(Text(signature(info)), (0, 0, 0, 2), expand=False))
            where = "at once" if info.lane == RECEIVER else f"lane {info.lane}"
            console().print(
                Padding(Text(f"{info.effect}, {where}: {info.summary}", "dim"), (0, 0, 0, 6), expand=False)
            )


def _arguments(infos: Iterable[CommandInfo], command: str, words: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of a command, each read as the type that its parameter declares."""
    kinds = {p.name: p.kinds for info in infos if info.name == command for p in info.parameters}
    return named_values(words, lambda name: kinds.get(name, ALL))


def _report(result: Any, json: bool, out: Path | None) -> None:
    if out is not None:
        save_file(out, f"{to_json(result)}\n".encode())
    if json:
        print_json(result, _PRINTED)
    elif out is not None:
        console().print(f"written to {out}")
    elif result is not None:
        shown = table_of(result) or Pretty(result, max_length=_SHOWN)
        console().print(result if isinstance(result, str) else shown)
