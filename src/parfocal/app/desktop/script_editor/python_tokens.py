"""Which parts of a line of Python are keywords, texts, numbers and comments. Pure."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Literal, NamedTuple

TokenKind = Literal["keyword", "text", "number", "comment", "name", "builtin", "lab"]

_TEXT_BEGIN = re.compile(r"[rbfuRBFU]{0,2}('''|\"\"\"|'|\")")
_PLAIN = re.compile(
    r"(?P<comment>#.*)"
    r"|(?P<number>\b(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][-+]?\d+)?)\b)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<mark>@[^\W\d][\w.]*)"
)
_BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_DEFINES = ("def", "class")
TRIPLES = ("'''", '"""')


class PythonToken(NamedTuple):
    """A part of a line: where it begins, how long it is, and what it is."""

    start: int
    length: int
    kind: TokenKind


def tokens_of(line: str, inside: str = "") -> tuple[list[PythonToken], str]:
    r"""Return the tokens of a line that have a colour, and the triple quote that is open at its end.

    Parameters
    ----------
    line : str
        Without its end.
    inside : str
        The triple quote that is open at its begin; "" for none.

    Examples
    --------
    >>> tokens_of("def main(lab):")[0]  # doctest: +NORMALIZE_WHITESPACE
    [PythonToken(start=0, length=3, kind='keyword'), PythonToken(start=4, length=4, kind='name'),
     PythonToken(start=9, length=3, kind='lab')]
    >>> tokens_of("x = 1.5  # pN")[0]
    [PythonToken(start=4, length=3, kind='number'), PythonToken(start=9, length=4, kind='comment')]
    >>> tokens_of("a = f'it\\'s' + 2")[0][0], tokens_of("a = '''open")[1]
    (PythonToken(start=4, length=8, kind='text'), "'''")
    >>> tokens_of("still''' + x", "'''")
    ([PythonToken(start=0, length=8, kind='text')], '')
    """
    found: list[PythonToken] = []
    place = 0
    if inside:
        place = _text_end(line, 0, inside)
        found.append(PythonToken(0, place, "text"))
        if not line[:place].endswith(inside):
            return found, inside
    before = ""
    while place < len(line):
        if (begin := _TEXT_BEGIN.match(line, place)) is not None:
            end = _text_end(line, begin.end(), begin[1])
            found.append(PythonToken(place, end - place, "text"))
            if begin[1] in TRIPLES and not (end >= begin.end() + 3 and line[:end].endswith(begin[1])):
                return found, begin[1]
            place = end
        elif (plain := _PLAIN.match(line, place)) is not None:
            kind = _kind(plain, before, line[:place])
            if kind is not None:
                found.append(PythonToken(place, plain.end() - place, kind))
            before, place = plain[0], plain.end()
        else:
            place += 1
    return found, ""


def _text_end(line: str, begin: int, quote: str) -> int:
    """Return where a text ends that is open at `begin`; the end of the line if it does not end there."""
    place = begin
    while place < len(line):
        if line[place] == "\\":
            place += 2
        elif line.startswith(quote, place):
            return place + len(quote)
        else:
            place += 1
    return len(line)


def _kind(plain: re.Match[str], before: str, line: str) -> TokenKind | None:
    if plain["comment"] is not None:
        return "comment"
    if plain["number"] is not None:
        return "number"
    if plain["mark"] is not None:
        return "name"
    word = plain[0]
    if before in _DEFINES:
        return "name"
    if keyword.iskeyword(word):
        return "keyword"
    if line.rstrip().endswith("."):
        return None
    return "lab" if word == "lab" else "builtin" if word in _BUILTINS else None
