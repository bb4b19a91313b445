"""What a board is meant to be set to: kept in a file, so that it outlives the process that set it.

Each change is added to the file's end, which costs microseconds; now and then the file is written anew. Where
it cannot be written (a full or vanished folder) it is emptied, and written anew with the next change: without
its end it would have outputs come on that were switched off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Settings = dict[str, Any]
Change = tuple[str, Settings | None]
"""A module, and what was changed of it; None if all of it is forgotten."""

_LENGTH = struct.Struct("<I")
_LONGEST = 4 << 20
_UNKNOWN = -1
_LOG = logging.getLogger(__name__)


class Declared:
    """Settings by module, as they were asked for. Thread-safe. A file that fails is logged, never raised.

    Parameters
    ----------
    path : Path
        The file.
    owner : int
        Pid of the rig's main process: what was declared for another one counts no more.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "board.declared"
    ...     declared = Declared(path, owner=1)
    ...     declared.update("pid0", {"p": -0.5})
    ...     declared.update("asg0", {"amplitude_v": 1.0})
    ...     declared.lend("asg0")
    ...     Declared(path, owner=1).modules(), Declared(path, owner=2).modules()
    ({'pid0': {'p': -0.5}}, {})
    """

    def __init__(self, path: Path, owner: int) -> None:
        self._path = path
        self._owner = owner
        self._lock = threading.Lock()
        self._lent: set[str] = set()
        self._modules = _load(path, owner)
        self._size = 0
        self._save()

    def modules(self) -> dict[str, Settings]:
        """Return all settings, a copy."""
        with self._lock:
            return {name: dict(settings) for name, settings in self._modules.items()}

    def of(self, module: str) -> Settings:
        """Return the settings of one module, a copy."""
        with self._lock:
            return dict(self._modules.get(module, {}))

    def update(self, module: str, settings: Mapping[str, Any]) -> None:
        """Change some settings of a module."""
        with self._lock:
            self._modules.setdefault(module, {}).update(settings)
            self._keep(module, dict(settings))

    def forget(self, module: str) -> None:
        """Drop what was declared for a module."""
        with self._lock:
            if self._modules.pop(module, None) is not None:
                self._keep(module, None)

    def lend(self, module: str) -> None:
        """Keep a module's settings out of the file: they end with the process."""
        with self._lock:
            self._keep(module, None)
            self._lent.add(module)

    def take_back(self, module: str) -> None:
        """End `lend`."""
        with self._lock:
            self._lent.discard(module)
            self._keep(module, self._modules.get(module))

    def _keep(self, module: str, settings: Settings | None) -> None:
        if module not in self._lent:
            self._save((module, settings))

    def _save(self, change: Change | None = None) -> None:
        try:
            if change is None or not self._append(change):
                self._write_anew()
        except OSError as error:
            if self._size != _UNKNOWN:
                _LOG.error("what is declared cannot be kept: outputs stay at 0 V after a crash (%s)", error)
            self._size = _UNKNOWN
            with contextlib.suppress(OSError):
                os.truncate(self._path, 0)

    def _append(self, change: Change) -> bool:
        """Add a change to the file; return False if that is torn, or has grown long."""
        with self._path.open("ab") as file:
            if file.tell() != self._size:
                return False
            file.write(_packed(change))
            self._size = file.tell()
        return self._size <= _LONGEST

    def _write_anew(self) -> None:
        kept = [change for change in self._modules.items() if change[0] not in self._lent]
        content = b"".join(map(_packed, (self._owner, *kept)))
        replace_file(self._path, content)
        self._size = len(content)


def _load(path: Path, owner: int) -> dict[str, Settings]:
    """Return what `owner` declared; nothing if the file cannot be read."""
    try:
        found = list(_unpacked(path.read_bytes()))
        changes = msgspec.convert(found[1:] if found[:1] == [owner] else [], list[Change])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        _LOG.error("what was declared cannot be read: outputs stay at 0 V (%s: %s)", path, error)
        return {}
    modules: dict[str, Settings] = {}
    for module, settings in changes:
        if settings is None:
            modules.pop(module, None)
        else:
            modules.setdefault(module, {}).update(settings)
    return modules


def _packed(thing: Any) -> bytes:
    packed = msgspec.msgpack.encode(thing, enc_hook=_plain)
    return _LENGTH.pack(len(packed)) + packed


def _unpacked(data: bytes) -> Iterator[Any]:
    """Return what was packed, up to where the writer was killed."""
    start = _LENGTH.size
    while start <= len(data):
        end = start + _LENGTH.unpack_from(data, start - _LENGTH.size)[0]
        if end > len(data):
            return
        yield msgspec.msgpack.decode(data[start:end])
        start = end + _LENGTH.size


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a setting of type {type(value).__name__} cannot be kept")
