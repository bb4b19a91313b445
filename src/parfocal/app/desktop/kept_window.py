"""What the desktop keeps for the next time: its place, theme, rig, and a layout for each rig."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from parfocal.core.files import replace_file
from parfocal.processes.directory import state_folder

_FOLDER = "_desktop"
"""No rig can have such a name."""


class KeptWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept.

    Attributes
    ----------
    geometry : bytes
        Where the window was, as Qt tells it.
    theme : str
        Name of its colours.
    rig : str
        Which rig it showed; "" for none.
    layouts : dict of str to bytes
        The docks of each rig, as Qt tells them.
    """

    geometry: bytes = b""
    theme: str = "dark"
    rig: str = ""
    layouts: dict[str, bytes] = {}


def kept_path() -> Path:
    """Return the file, which need not be there."""
    return state_folder(_FOLDER) / "window.json"


def read_kept() -> KeptWindow:
    """Return what was kept; the defaults if that is nothing, or can't be read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(kept_path().read_bytes(), type=KeptWindow)
    return KeptWindow()


class KeptFile:
    """Writes what is to be kept, in a thread of its own: a slow disk never holds the window up."""

    def __init__(self) -> None:
        self.kept = read_kept()
        self._written = self.kept
        self._writing: threading.Thread | None = None

    def keep(self, kept: KeptWindow) -> None:
        """Have this written if it is something else than before; while that goes on, a later call does it."""
        self.kept = kept
        if kept == self._written or (self._writing is not None and self._writing.is_alive()):
            return
        self._written = kept
        self._writing = threading.Thread(target=_write, args=(kept,), name="kept window", daemon=True)
        self._writing.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write the last of it; wait no longer than that."""
        if self._writing is not None:
            self._writing.join(timeout_s)
        self.keep(self.kept)
        if self._writing is not None:
            self._writing.join(timeout_s)


def _write(kept: KeptWindow) -> None:
    path = kept_path()
    with suppress(OSError):  # a full disk: the window opens as it did before
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, msgspec.json.encode(kept))
