"""What people write into the fields of a plan, as plain data and back. Pure."""

from __future__ import annotations

import re
from typing import Any

from parfocal.app.desktop.number_text import read_number


def typed(text: str) -> Any:
    """Return a number if a text is one, None for nothing, else the text: the plan refuses it by its name.

    Examples
    --------
    >>> typed("2.5"), typed("3"), typed(" "), typed("1,5"), typed("1e400")
    (2.5, 3, None, '1,5', '1e400')
    """
    number = read_number(text)
    return (text.strip() or None) if number is None else number


def shown(value: Any) -> str:
    """Return a value as it stands in a field.

    Examples
    --------
    >>> shown(2.0), shown(None), shown("1,5"), shown([1.0, 2.5])
    ('2', '', '1,5', '1, 2.5')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value)
    return str(value)


def typed_list(text: str) -> Any:
    """Return the numbers of a list.

    Examples
    --------
    >>> typed_list("1, 2.5"), typed_list("")
    ([1, 2.5], None)
    """
    return [typed(part) for part in text.split(",")] if text.strip() else None


def shown_frames(choice: Any) -> str:
    """Return which time points are chosen, as `typed_frames` reads it.

    Examples
    --------
    >>> shown_frames([{"start": 2, "step": 5}]), shown_frames([0, -1]), shown_frames([{}])
    ('every 5 from 2', '0, -1', 'all')
    >>> shown_frames([{"start": 1, "stop": 9, "step": 2}]), shown_frames("every 5")
    ('1 to before 9 every 2', 'every 5')
    """
    if choice is None or isinstance(choice, str):
        return choice or ""
    return ", ".join(_shown_term(term) for term in (choice if isinstance(choice, list | tuple) else [choice]))


def typed_frames(text: str) -> Any:
    """Return the time points that a text names; what it does not know is left to the plan, which refuses it.

    Examples
    --------
    >>> typed_frames("0, -1"), typed_frames("every 5"), typed_frames("1 to before 9 every 2")
    ([0, -1], ['every 5'], [{'start': 1, 'stop': 9, 'step': 2}])
    >>> typed_frames(" "), typed_frames("1 to before 9")
    (None, [{'start': 1, 'stop': 9, 'step': 1}])
    """
    return [_typed_term(part.strip()) for part in text.split(",")] if text.strip() else None


def _shown_term(term: Any) -> str:
    if not isinstance(term, dict):
        return str(term)
    start, stop, step = term.get("start", 0), term.get("stop"), term.get("step", 1)
    if stop is not None:
        return f"{start} to before {stop}" + (f" every {step}" if step != 1 else "")
    if not start and step == 1:
        return "all"
    return f"every {step}" + (f" from {start}" if start else "")


def _typed_term(text: str) -> Any:
    if found := re.fullmatch(r"(\d+) to before (-?\d+)(?: every (\d+))?", text):
        return {"start": int(found[1]), "stop": int(found[2]), "step": int(found[3] or 1)}
    return typed(text)
