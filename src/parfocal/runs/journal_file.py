"""The file of a journal: entries that are appended, each with its length and a check sum, and read back.

::

    run.journal   4 bytes: length | 4 bytes: CRC-32 | an entry as MessagePack, of that length | the next ...
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.files import sync_file
from parfocal.runs.journal_entries import FILE_NAME, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = struct.Struct("<II")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class ReadJournal(NamedTuple):
    """What a journal holds: its entries, and how many bytes they take; what follows them is torn."""

    entries: list[Entry]
    whole_bytes: int


def encoded(entry: Entry) -> bytes:
    """Return an entry as it stands in the file."""
    content = _ENCODER.encode(entry)
    return _HEAD.pack(len(content), zlib.crc32(content)) + content


def read_journal(folder: Path) -> ReadJournal:
    """Return what the journal in the folder of a run holds; a torn last entry is left out.

    Raises
    ------
    BadInputError
        If there is none, or entries follow a damaged one: nobody knows then which stimuli were fired.
    """
    path = folder / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        told = "nothing of it had begun, or it is the record of no plan. Start it again"
        raise BadInputError(f"{folder} has no journal ({FILE_NAME}): {told}") from error
    except OSError as error:
        raise BadInputError(f"{path} can't be read: {error.strerror}") from error
    entries: list[Entry] = []
    at = 0
    while (found := _whole(content, at)) is not None:
        try:
            entries.append(_DECODER.decode(found))
        except msgspec.MsgspecError as error:
            raise BadInputError(f"{path}: entry {len(entries)} is of another version: {error}") from error
        at += _HEAD.size + len(found)
    if at < len(content) and _goes_on_after(content, at):
        raise BadInputError(
            f"{path} is damaged at byte {at}, and goes on after that: nobody knows which stimuli were fired. "
            "Bring back the file from a copy"
        )
    return ReadJournal(entries, at)


def _whole(content: bytes, at: int) -> memoryview | None:
    """Return the entry that begins at a byte; None if there is none that is whole."""
    if at + _HEAD.size > len(content):
        return None
    length, check = _HEAD.unpack_from(content, at)
    begin = at + _HEAD.size
    found = memoryview(content)[begin : begin + length]
    return found if length and len(found) == length and zlib.crc32(found) == check else None


def _goes_on_after(content: bytes, at: int) -> bool:
    """Return whether a whole entry follows one that is damaged, if its length is what it says."""
    if at + _HEAD.size > len(content):
        return False
    length, _ = _HEAD.unpack_from(content, at)
    return _whole(content, at + _HEAD.size + length) is not None


class JournalFile:
    """Appends to the journal of a run. One thread at a time.

    Parameters
    ----------
    folder : Path
        Of the run. What an earlier process has left torn is cut off.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE_NAME
        whole_bytes = read_journal(folder).whole_bytes if path.exists() else 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        self._end = whole_bytes
        os.ftruncate(self._file, whole_bytes)
        sync_file(folder)

    def append(self, entries: Iterable[bytes]) -> None:
        """Write entries, as `encoded` returns them, after the last one: all of them, or none counts.

        They outlive this process from then on, and the computer after `sync`. What fails may be tried again.
        """
        content = b"".join(entries)
        os.lseek(self._file, self._end, os.SEEK_SET)
        left = memoryview(content)
        while left:
            left = left[os.write(self._file, left) :]
        self._end += len(content)

    def sync(self) -> None:
        """Return when everything is on stable storage."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def this_boot() -> str:
    """Return which start of the computer this is; "" if the system does not tell."""
    with suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""
