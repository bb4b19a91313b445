"""What a board is meant to be set to: kept in a file as JSON, so that it outlives the process that set it.

The file is replaced as a whole with each change. Where it cannot be written (a full or vanished folder) it is
emptied, and written anew with the next change: an old one would have outputs come on that were switched off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Settings = dict[str, Any]
_NONE = msgspec.Raw(b"{}")
_LOG = logging.getLogger(__name__)


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The file: whose settings they are, and the settings of each module."""

    owner: int
    modules: dict[str, Settings]


class DeclaredSettings:
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
    ...     declared = DeclaredSettings(path, owner=1)
    ...     declared.update("pid0", {"p": -0.5})
    ...     declared.update("asg0", {"amplitude_v": 1.0})
    ...     with declared.leased("asg0"):
    ...         DeclaredSettings(path, owner=1).modules(), DeclaredSettings(path, owner=2).modules()
    ({'pid0': {'p': -0.5}}, {})
    """

    def __init__(self, path: Path, owner: int) -> None:
        self._path = path
        self._owner = owner
        self._lock = threading.Lock()
        self._leased: set[str] = set()
        self._failing = False
        self._modules = {name: _encode(settings) for name, settings in _load(path, owner).items()}
        self._save()

    def modules(self) -> dict[str, Settings]:
        """Return all settings, a copy."""
        with self._lock:
            return {name: _decode(settings) for name, settings in self._modules.items()}

    def of(self, module: str) -> Settings:
        """Return the settings of one module, a copy."""
        with self._lock:
            return _decode(self._modules.get(module, _NONE))

    def update(self, module: str, settings: Mapping[str, Any], *, replace: bool = False) -> None:
        """Change some settings of a module; `replace`: instead of all that were declared before."""
        with self._lock:
            before = _NONE if replace else self._modules.get(module, _NONE)
            self._modules[module] = _encode({**_decode(before), **settings})
            if module not in self._leased:
                self._save()

    def forget(self, module: str) -> None:
        """Drop what was declared for a module."""
        with self._lock:
            if self._modules.pop(module, None) is not None and module not in self._leased:
                self._save()

    @contextlib.contextmanager
    def leased(self, module: str) -> Iterator[None]:
        """Keep a module's settings out of the file within the ``with`` block: they end with the process."""
        with self._lock:
            self._leased.add(module)
            self._save()
        try:
            yield
        finally:
            with self._lock:
                self._leased.discard(module)
                self._save()

    def _save(self) -> None:
        kept = {name: settings for name, settings in self._modules.items() if name not in self._leased}
        try:
            replace_file(self._path, msgspec.json.encode({"owner": self._owner, "modules": kept}))
            self._failing = False
        except OSError as error:
            if not self._failing:
                _LOG.error("what is declared cannot be kept: outputs stay at 0 V after a crash (%s)", error)
            self._failing = True
            with contextlib.suppress(OSError):
                os.truncate(self._path, 0)


def _load(path: Path, owner: int) -> dict[str, Settings]:
    """Return what `owner` declared; nothing if the file cannot be read, or was emptied."""
    try:
        content = path.read_bytes()
        kept = msgspec.json.decode(content, type=_Kept) if content else None
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        _LOG.error("what was declared cannot be read: outputs stay at 0 V (%s: %s)", path, error)
        return {}
    return kept.modules if kept is not None and kept.owner == owner else {}


def _encode(settings: Settings) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(settings, enc_hook=_plain))


def _decode(settings: msgspec.Raw) -> Settings:
    return msgspec.json.decode(settings, type=Settings)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a setting of type {type(value).__name__} cannot be kept")
