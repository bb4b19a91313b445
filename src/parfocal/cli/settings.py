"""``parfocal settings``: what a service is set to, changed while it runs, kept in files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from parfocal.cli.output import console, print_json, to_json
from parfocal.cli.which_rig import AnyRig, only_rig
from parfocal.core.errors import BadInputError
from parfocal.core.text_values import ALL, named_values
from parfocal.rig.opening import attach_or_open
from parfocal.rig.settings_files import save_settings, take_settings


def settings(
    service: str,
    *changes: str,
    load: Path | None = None,
    save: Path | None = None,
    rig: AnyRig = None,
    json: bool = False,
) -> None:
    """Show the settings of a service; change some while it runs, load them from a file or save them to one.

    Parameters
    ----------
    service
        Name of the service.
    changes
        Each as name=value; all are checked before any is changed.
    load
        Take the settings of this TOML file first; what is wrong in it takes its default, with a warning.
    save
        Write all settings, as they are then, to this TOML file.
    json
        Print them as one JSON line.

    Examples
    --------
    parfocal settings recorder

    parfocal settings recorder codec=blosc-zstd on_storage_error=stop

    parfocal settings recorder --save recorder.toml
    """
    if load is not None and not load.is_file():
        raise BadInputError(f"there is no file {load} to load settings from")
    with attach_or_open(only_rig(rig)) as running:
        if load is not None:
            _, warnings = take_settings(running, service, load)
            sys.stderr.writelines(f"parfocal: {warning}\n" for warning in warnings)
        if changes:
            kinds = running[service].setting_kinds()
            running[service].set_settings(named_values(changes, lambda name: kinds.get(name, ALL)))
        if save is not None:
            save_settings(running, service, save)
        values = running[service].get_settings()
    _show(values, json)


def _show(values: dict[str, Any], json: bool) -> None:
    if json:
        print_json(values)
        return
    table = Table("setting", "value", box=None, pad_edge=False)
    for name, value in values.items():
        table.add_row(name, value if isinstance(value, str) else to_json(value))
    console().print(table)
