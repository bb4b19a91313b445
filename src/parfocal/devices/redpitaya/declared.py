"""What a board is meant to be set to: kept in a file, so that it outlives the process that set it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Settings = dict[str, Any]


class Declared:
    """Settings by module, as they were asked for. Thread-safe.

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
        self._modules: dict[str, Settings] = {}
        if path.exists():
            found_owner, modules = msgspec.msgpack.decode(
                path.read_bytes(), type=tuple[int, dict[str, Settings]]
            )
            if found_owner == owner:
                self._modules = modules

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
            self._save()

    def forget(self, module: str) -> None:
        """Drop what was declared for a module."""
        with self._lock:
            if self._modules.pop(module, None) is not None:
                self._save()

    def lend(self, module: str) -> None:
        """Keep a module's settings out of the file: they end with the process."""
        with self._lock:
            self._lent.add(module)
            self._save()

    def take_back(self, module: str) -> None:
        """End `lend`."""
        with self._lock:
            self._lent.discard(module)
            self._save()

    def _save(self) -> None:
        kept = {name: settings for name, settings in self._modules.items() if name not in self._lent}
        written = self._path.with_suffix(".new")
        written.write_bytes(msgspec.msgpack.encode((self._owner, kept), enc_hook=_plain))
        os.replace(written, self._path)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a setting of type {type(value).__name__} cannot be kept")
