"""Numbers of things in words: one of them, or several."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with what it counts: `one`, or `several`, by default `one` with an s.

    Examples
    --------
    >>> counted(1, "image"), counted(3, "image"), counted(0, "stimulus", "stimuli")
    ('1 image', '3 images', '0 stimuli')
    """
    return f"{number} {one if number == 1 else several or one + 's'}"
