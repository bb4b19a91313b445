"""What the search field finds: commands and settings of all services, panels, their controls, menus. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from parfocal.app.desktop.fields import label_of, unit_text
from parfocal.app.desktop.service_form import command_label, is_rare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parfocal.ipc import CommandInfo

MOST = 12


class SearchEntry(NamedTuple):
    """One thing that can be found.

    Attributes
    ----------
    kind : str
        "command", "setting", "panel", "control" or "menu".
    service, name : str
        Whose, and what it is called there; of a control, the title and the name of its dock.
    label, text : str
        What is shown of it: its name in words, and what it does.
    is_rare : bool
        Whether it stands below all that are not.
    """

    kind: Literal["command", "setting", "panel", "control", "menu"]
    service: str
    name: str
    label: str
    text: str = ""
    is_rare: bool = False

    def __str__(self) -> str:
        where = f"{self.service}  /  " if self.service else ""
        return f"{where}{self.label}    {self.text}".rstrip()


def service_entries(
    service: str, commands: Iterable[CommandInfo], settings: Mapping[str, object]
) -> list[SearchEntry]:
    """Return what can be found of a service."""
    found = [
        SearchEntry("command", service, info.name, command_label(info.name), info.summary, is_rare(info))
        for info in commands
    ]
    return found + [
        SearchEntry(
            "setting", service, name, label_of(name).capitalize(), f"setting {unit_text(name)}".rstrip()
        )
        for name in settings
    ]


def panel_entries(dock: str, title: str, controls: Iterable[str]) -> list[SearchEntry]:
    """Return what can be found of a panel: itself, and what is on it."""
    found = [SearchEntry("control", title, dock, control.rstrip(" …")) for control in controls]
    return [SearchEntry("panel", "", dock, title, "panel"), *found]


def found_entries(entries: Iterable[SearchEntry], words: str, most: int = MOST) -> list[SearchEntry]:
    """Return the entries that have all of these words somewhere, the best first.

    Best is what is called so, then what begins so, then what has the words in its name. What few people ever
    ask for comes last.

    Examples
    --------
    >>> entries = [
    ...     SearchEntry("command", "focus", "move_to", "Move to", "Move an axis"),
    ...     SearchEntry("command", "focus", "halt", "Halt", "Stop every move"),
    ...     SearchEntry("setting", "camera", "exposure_ms", "Exposure", "setting ms"),
    ... ]
    >>> [entry.name for entry in found_entries(entries, "move")]
    ['move_to', 'halt']
    >>> [entry.name for entry in found_entries(entries, "CAM exp")], found_entries(entries, " ")
    (['exposure_ms'], [])
    """
    wanted = words.lower().split()
    if not wanted:
        return []
    ranked = [
        ((entry.is_rare, _rank(entry, wanted)), number, entry)
        for number, entry in enumerate(entries)
        if all(word in _all_text(entry) for word in wanted)
    ]
    return [entry for _, _, entry in sorted(ranked, key=lambda each: each[:2])[:most]]


def _all_text(entry: SearchEntry) -> str:
    return f"{entry.service} {entry.name} {entry.label} {entry.text}".lower()


def _rank(entry: SearchEntry, wanted: list[str]) -> int:
    label, name = entry.label.lower(), f"{entry.service} {entry.name} {entry.label}".lower()
    text = " ".join(wanted)
    if text in (label, entry.name):
        return 0
    if label.startswith(text):
        return 1
    return 2 if all(word in name for word in wanted) else 3
