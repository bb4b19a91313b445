"""The names that a rig file gives: to itself, its services, its panels."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def checked_name(name: str) -> str:
    """Return a name that can be one.

    Raises
    ------
    ValueError
        If it can't; says what a name is.

    Examples
    --------
    >>> checked_name("left-camera")
    'left-camera'
    >>> checked_name("left camera")
    Traceback (most recent call last):
    ValueError: a name is 1 to 32 of a-z, 0-9, '-' and '_', and begins with a letter
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a name is 1 to 32 of a-z, 0-9, '-' and '_', and begins with a letter")
    return name


Name = Annotated[str, AfterValidator(checked_name)]
