"""``parfocal settings``: what services are set to, changed while they run, kept for the next start."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from parfocal.cli.output import print_json
from parfocal.cli.settings_view import show_kept, show_settings
from parfocal.cli.which_rig import only_rig
from parfocal.core.errors import BadInputError
from parfocal.core.text_values import ALL, named_values
from parfocal.processes.kept_settings import read_kept
from parfocal.processes.setting_layers import with_values
from parfocal.rig.opening import settings_of
from parfocal.rig.rig import Rig
from parfocal.rig.settings_files import save_settings, take_settings

if TYPE_CHECKING:
    from parfocal.processes.setting_status import SettingStatus
    from parfocal.rig.stopped_rig import StoppedRig

SettingsRig = Annotated[
    str | None,
    Parameter(
        help="Which rig: a running one; else a built-in one or a file, which is not started. May be left out "
        "while only one is running."
    ),
]


def settings(
    service: str = "",
    /,
    *changes: str,
    keep: bool = False,
    restart: bool = False,
    force: bool = False,
    kept: bool = False,
    forget: bool = False,
    sources: bool = False,
    load: Path | None = None,
    save: Path | None = None,
    rig: SettingsRig = None,
    json: bool = False,
) -> None:
    """Show the settings of a rig, or of a service of it; change, keep, load and save them.

    What is kept goes before the rig's file at each of its starts, and --set of a start before that. A service
    that crashes comes up with what was changed while it ran.

    Parameters
    ----------
    service
        Name of the service; without one, all are meant.
    changes
        Each as name=value, such as options.exposure_ms=5; all are checked before any is changed. After
        --forget, names alone.
    keep
        Keep the changes for the next starts of the rig, whose file is not touched.
    restart
        Restart the service alone, if a setting cannot change while it runs.
    force
        Change and restart also what a run uses.
    kept
        Show what is kept, and what that goes before.
    forget
        Keep no longer what is named: a setting, all of a service, or all of the rig.
    sources
        With --json: tell of each setting also where it comes from, type, limits, meaning.
    load
        Take the settings of this file first. Of a service: TOML; what is wrong in it takes its default, with
        a warning. Of the rig: one that --save wrote; if something is wrong in it, nothing is changed.
    save
        Write all settings, as they are then, to this file: of a service as TOML, of the rig as YAML.
    json
        Print them as one JSON line.

    Examples
    --------
    parfocal settings recorder

    parfocal settings recorder codec=blosc-zstd on_storage_error=stop --keep

    parfocal settings camera slots=128 --restart --rig tweezers

    parfocal settings --rig my-lab.toml --save lab-settings.yaml

    parfocal settings camera slots --forget
    """
    if load is not None and not load.is_file():
        raise BadInputError(f"there is no file {load} to load settings from")
    if save is not None and (save.is_dir() or not save.absolute().parent.is_dir()):
        raise BadInputError(f"settings cannot be saved as {save}: name a file, in a folder that exists")
    if service and not changes and (keep or restart):
        raise BadInputError("there is nothing to keep or to restart with: write name=value")
    if forget and (keep or restart or load):
        raise BadInputError("--forget goes with none of --keep, --restart and --load: they contradict it")
    with settings_of(only_rig(rig)) as found:
        if forget:
            _forget(found, service, changes)
        elif service:
            _change(found, service, changes, load, save, keep=keep, restart=restart, force=force)
        else:
            _load_and_save(found, load, save, keep=keep, restart=restart, force=force)
        if kept:
            show_kept(found.kept_settings(), read_kept(found.name).problem, json=json)
        elif not (forget or (save and not service)):
            _show(found, service, sources=sources, json=json)


def _show(rig: Rig | StoppedRig, service: str, *, sources: bool, json: bool) -> None:
    """Print all settings, or those of one service."""
    found = rig.settings(service)
    if not json:
        show_settings(found, one=bool(service))
    elif sources:
        print_json(found[service] if service else found)
    else:
        values = {name: _nested(statuses) for name, statuses in found.items()}
        print_json(values[service] if service else values)


def _nested(statuses: tuple[SettingStatus, ...]) -> dict[str, Any]:
    return with_values({}, {status.name: status.value for status in statuses})


def _forget(rig: Rig | StoppedRig, service: str, names: tuple[str, ...]) -> None:
    known = read_kept(rig.name).services
    if service and service not in known:
        raise BadInputError(f"nothing of {service} is kept; `parfocal settings --kept` lists what is")
    for name in names:
        if name not in known.get(service, {}):
            raise BadInputError(f"{service}.{name} is not kept; `parfocal settings --kept` lists what is")
    forgotten = rig.forget_settings(service, *names)
    count = sum(map(len, forgotten.values()))
    sys.stderr.write(f"parfocal: {count} kept settings of rig {rig.name!r} are forgotten\n")


def _change(
    rig: Rig | StoppedRig,
    service: str,
    changes: tuple[str, ...],
    load: Path | None,
    save: Path | None,
    *,
    keep: bool,
    restart: bool,
    force: bool,
) -> None:
    """Change the settings of one service, and keep or write them if that is asked for."""
    if load is not None:
        _, warnings = take_settings(_running(rig), service, load)
        sys.stderr.writelines(f"parfocal: {warning}\n" for warning in warnings)
    if changes:
        kinds = {status.name: status.kinds for status in rig.settings(service)[service]}
        values = named_values(changes, lambda name: kinds.get(name, ALL))
        rig.change_settings({service: values}, keep=keep, restart=restart, force=force)
    if save is not None:
        save_settings(_running(rig), service, save)


def _load_and_save(
    rig: Rig | StoppedRig, load: Path | None, save: Path | None, *, keep: bool, restart: bool, force: bool
) -> None:
    """Take over all settings of a file, and write all to one."""
    if load is not None:
        keep = keep or not isinstance(rig, Rig)  # of one that does not run there is nothing else to change
        changed = rig.load_settings(load, keep=keep, restart=restart, force=force)
        count = sum(map(len, changed.values()))
        others, are = (
            ("1 setting was another", "is") if count == 1 else (f"{count} settings were others", "are")
        )
        sys.stderr.write(f"parfocal: {others}{f', and {are} kept' if keep else ''}\n")
    elif keep or restart:
        raise BadInputError("name the service whose settings are to be changed, or a file to --load")
    if save is not None:
        rig.save_settings(save)


def _running(rig: Rig | StoppedRig) -> Rig:
    if not isinstance(rig, Rig):
        raise BadInputError(
            f"rig {rig.name!r} does not run: start it with `parfocal up`, or load and save all its settings"
        )
    return rig
