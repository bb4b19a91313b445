"""How an editor of Python indents and comments lines. Pure."""

from __future__ import annotations

_ENDS_BLOCK = ("return", "pass", "break", "continue", "raise")


def indent_after(line: str) -> str:
    """Return the indent of the line that follows one, as far as that is written.

    Examples
    --------
    >>> [len(indent_after(line)) for line in ("    x = 1", "def main(lab):  # go", "        return x")]
    [4, 4, 4]
    """
    indent = line[: len(line) - len(line.lstrip())]
    code = line.partition("#")[0].strip()
    if code.endswith(":"):
        return indent + " " * 4
    if code.split(" ")[0] in _ENDS_BLOCK:
        return indent.removesuffix(" " * 4)
    return indent


def block_commented(lines: list[str]) -> list[str]:
    """Return lines as comments; those of comments alone as code again.

    Examples
    --------
    >>> block_commented(["    a = 1", "", "    b = 2"])
    ['    # a = 1', '', '    # b = 2']
    >>> block_commented(["    # a = 1", "", "    # b = 2"])
    ['    a = 1', '', '    b = 2']
    """
    written = [line for line in lines if line.strip()]
    if written and all(line.lstrip().startswith("#") for line in written):
        return [_uncommented(line) for line in lines]
    depth = min((len(line) - len(line.lstrip()) for line in written), default=0)
    return [f"{line[:depth]}# {line[depth:]}" if line.strip() else line for line in lines]


def _uncommented(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return indent + line.lstrip().removeprefix("#").removeprefix(" ")
