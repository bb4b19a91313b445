"""Settings as tables: values, where they come from, which of them take a restart, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from parfocal.cli.output import console, print_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parfocal.processes.setting_status import SettingStatus
    from parfocal.rig.rig_settings import KeptSetting

SOURCES = {"default": "", "file": "rig file", "kept": "kept", "set": "--set", "live": "changed"}
"""What people read of where a setting comes from."""
CHANGES = {"live": "", "restart": "--restart", "rig": "next start"}
"""What a change takes."""


def show_settings(settings: dict[str, tuple[SettingStatus, ...]], *, one: bool) -> None:
    """Print the settings of services; the name of the service is left out where it is one."""
    names = ("setting",) if one else ("service", "setting")
    table = Table(*names, "value", "from", "changes by", "kept", box=None, pad_edge=False)
    for service, statuses in settings.items():
        for each in statuses:
            kept = value_text(each.kept) if each.is_kept else ""
            row = (each.name, value_text(each.value), SOURCES[each.source], CHANGES[each.applies], kept)
            table.add_row(*(row if one else (service, *row)))
    console().print(table)


def show_kept(kept: Iterable[KeptSetting], problem: str, *, json: bool) -> None:
    """Print what is kept for the next starts of a rig, or why that cannot be told."""
    found = list(kept)
    if json:
        print_json({"kept": found, "problem": problem})
        return
    if problem:
        console(quiet=True).print(problem)
    if not found:
        console().print("nothing is kept; `parfocal settings SERVICE name=value --keep` keeps a setting")
        return
    table = Table("service", "setting", "kept", "in the file", "now", box=None, pad_edge=False)
    for each in found:
        value, over = (value_text(one) if each.is_known else "" for one in (each.value, each.in_file))
        table.add_row(each.service, each.name, value, over, _now(each))
    console().print(table)


def value_text(value: Any) -> str:
    """Return a value as people read it: text as it is, all else as JSON.

    Examples
    --------
    >>> value_text("in1"), value_text(None), value_text([1.5])
    ('in1', 'null', '[1.5]')
    """
    return value if isinstance(value, str) else to_json(value)


def _now(kept: KeptSetting) -> str:
    if not kept.is_known:
        return "not used: the rig has no such setting"
    source = SOURCES[kept.source]
    return value_text(kept.now) + (f" ({source})" if kept.source != "kept" and source else "")
