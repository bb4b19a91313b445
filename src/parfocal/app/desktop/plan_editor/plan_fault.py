"""Where in a plan a refusal belongs, told from its words: which section, row and field. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_SECTIONS = {
    r"interlocks?": "interlocks",
    r"stim_\w+|stimulus|stimuli|stim_frames|phase_id|mask": "stimuli",
    r"autofocus": "autofocus",
    r"z_plan|\bz\b": "planes",
    r"axis_order|\bbatch\b": "order",
    r"time_plan|interval|loops": "times",
    r"stage_positions|\bgrid\b|\b[xy] cannot|\bwell\b|\bposition\b|stages? ": "positions",
    r"channels?\b|exposure|power|\blight\b": "channels",
    r"ref_\w+|metadata": "other",
}
_PLACE = re.compile(r"^(\w+)(?:\[(\d+)\])?(?:\.(\w+))?")
_FIELD_AFTER = re.compile(r"^\w+(?:\[\d+\])?: (\w+) ")
_EVENT = re.compile(r"\bevent (\d+)\b")


class FaultPlace(NamedTuple):
    """Which section of a sequence, which row of its table (-1: none), and which field ("": none)."""

    section: str
    row: int = -1
    field: str = ""


def place_of(message: str) -> FaultPlace:
    """Return where a refusal of a sequence is to be shown; a section of "" is the whole plan.

    Examples
    --------
    >>> place_of("channels[1].exposure: expected a number, got '1,5'")
    FaultPlace(section='channels', row=1, field='exposure')
    >>> place_of("time_plan[0]: interval must be 0 or more, not -1").section
    'times'
    >>> place_of("event 7 (t=3, p=1): z cannot go to 900 um; its limits are 0 to 200 um").section
    'planes'
    >>> place_of("there is no channel 'nucles'; did you mean 'nucleus'?").section
    'channels'
    >>> place_of("800 frames are 9 MB before compression, and 1 MB are free").section
    ''
    """
    head = _PLACE.match(message)
    name, row, field = head.groups() if head else ("", None, None)
    text = _EVENT.sub("", message).partition("(t=")[2].partition(")")[2] if "(t=" in message else message
    section = _section(name) or _section_in(text)
    after = _FIELD_AFTER.match(message)
    return FaultPlace(section, -1 if row is None else int(row), field or (after[1] if after else ""))


def words_of(message: str) -> str:
    """Return a refusal without the name of the section that it is shown in, and its row as people count.

    Examples
    --------
    >>> words_of("channels[1].exposure: expected a number, got '1,5'")
    "row 2, exposure: expected a number, got '1,5'"
    >>> words_of("time_plan[0]: give interval and loops"), words_of("a z_plan has range and step")
    ('row 1: give interval and loops', 'a z_plan has range and step')
    """
    found = re.match(r"\w+\[(\d+)\](?:\.(\w+))?: (.*)", message, re.DOTALL)
    if found is None:
        return message
    return f"row {int(found[1]) + 1}{f', {found[2]}' if found[2] else ''}: {found[3]}"


def event_of(message: str) -> int:
    """Return the number of the event that a refusal names; -1 if it names none.

    Examples
    --------
    >>> event_of("event 12 (t=3, p=1): x cannot go to 9 um"), event_of("no disk")
    (12, -1)
    """
    found = _EVENT.search(message)
    return int(found[1]) if found else -1


def _section(name: str) -> str:
    return next((section for words, section in _SECTIONS.items() if name and re.fullmatch(words, name)), "")


def _section_in(text: str) -> str:
    """Return the section of which a word stands first in a text."""
    found = [
        (match.start(), section) for words, section in _SECTIONS.items() if (match := re.search(words, text))
    ]
    return min(found)[1] if found else ""
