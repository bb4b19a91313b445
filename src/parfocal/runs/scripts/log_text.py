"""The log of a script, read bit by bit while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def new_text(
    path: Path, place: int, most_bytes: int | None = None, *, is_whole: bool = False
) -> tuple[str, int]:
    """Return what a file has from a place on, in whole lines, and the place after it; "" if there is none.

    Parameters
    ----------
    path : Path
        Of the file; it need not be there yet.
    place : int
        Byte up to which it was read before.
    most_bytes : int, optional
        Of a file that has more that was not read, the last part alone is returned.
    is_whole : bool
        Whether nothing more is written to it: then its last line need not have an end.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            begin = place if most_bytes is None else max(place, size - most_bytes)
            file.seek(begin)
            content = file.read(max(0, size - begin))
    except OSError:  # it comes with the first line
        return "", place
    if begin > place:
        content = content.partition(b"\n")[2]
        begin = size - len(content)
    whole = content if is_whole else content[: content.rfind(b"\n") + 1]
    return whole.decode(errors="replace"), begin + len(whole)
