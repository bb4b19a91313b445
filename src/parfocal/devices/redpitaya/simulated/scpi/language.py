"""SCPI as text: patterns, lines and blocks of data. Pure."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_KEYWORD = re.compile(r"(\[?):?([A-Z*]+)([a-z]*)(#?)\]?")


def parse(line: str) -> tuple[str, list[str]]:
    """Split a line: what comes before the first blank, and the arguments.

    Examples
    --------
    >>> parse("DIG:PIN LED1, 1")
    ('DIG:PIN', ['LED1', '1'])
    """
    header, _, rest = line.strip().partition(" ")
    return header, [argument.strip() for argument in rest.split(",")] if rest.strip() else []


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the expression that a pattern stands for.

    A keyword's capitals are its short form, all of it the long one; case does not matter, # is a number, and
    what is in brackets may be left out.

    Examples
    --------
    >>> trigger = compiled("ACQ:TRig:STAT?")
    >>> bool(trigger.fullmatch("acq:trig:stat?")), bool(trigger.fullmatch("ACQ:TR:STAT?"))
    (True, True)
    >>> compiled("SOUR#:FREQ[:FIX]?").fullmatch("SOUR2:FREQ?").groups()
    ('2',)
    """
    text = ""
    for opened, short, more, number in _KEYWORD.findall(pattern):
        colon = ":" if text else ""
        part = f"{colon}{re.escape(short)}(?:{more})?" + (r"(\d+)" if number else "")
        text += f"(?:{part})?" if opened else part
    text += r"\?" if pattern.endswith("?") else ""
    return re.compile(text, re.IGNORECASE)


def ascii_block(values: NDArray[np.number], *, whole: bool) -> bytes:
    """Return numbers in braces: integers, or six decimals.

    Examples
    --------
    >>> ascii_block(np.array([0.5, -1.0]), whole=False)
    b'{0.500000,-1.000000}'
    """
    form = "%d" if whole else "%f"
    return ("{" + ",".join(form % value for value in values.tolist()) + "}").encode()


def binary_block(values: NDArray[np.number], *, whole: bool, big_endian: bool) -> bytes:
    r"""Return numbers as a definite-length block: 16-bit integers or 32-bit floats.

    Examples
    --------
    >>> binary_block(np.array([1.0, 2.0]), whole=True, big_endian=True)
    b'#14\x00\x01\x00\x02'
    """
    data = values.astype((">" if big_endian else "<") + ("i2" if whole else "f4")).tobytes()
    count = str(len(data))
    return f"#{len(count)}{count}".encode() + data
