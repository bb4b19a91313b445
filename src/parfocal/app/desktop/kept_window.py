"""What the desktop keeps for the next time: its place, theme, rig, and a layout for each rig."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from parfocal.core.files import replace_file
from parfocal.processes.directory import state_folder
from parfocal.processes.held_file import held_file

_FOLDER = "_desktop"
"""No rig can have such a name."""
_LOCKED_WITHIN_S = 2.0
"""Another window holds the file for a moment; one that was stopped holds nobody up for longer than that."""


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
    """Writes what is to be kept, in a thread of its own: a slow disk never holds the window up.

    Several windows keep what they show in the same file: each writes the layouts that it has changed itself,
    and leaves those of other rigs as it finds them.
    """

    def __init__(self) -> None:
        self.kept = read_kept()
        self._written = self.kept
        self._writing: threading.Thread | None = None

    def keep(self, kept: KeptWindow) -> None:
        """Have this written if it is something else than before; while that goes on, a later call does it."""
        self.kept = kept
        if kept == self._written or (self._writing is not None and self._writing.is_alive()):
            return
        before, self._written = self._written, kept
        changed = {rig: docks for rig, docks in kept.layouts.items() if before.layouts.get(rig) != docks}
        own = msgspec.structs.replace(kept, layouts=changed)
        self._writing = threading.Thread(
            target=self._write, args=(own, before), name="kept window", daemon=True
        )
        self._writing.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write the last of it; wait no longer than that."""
        if self._writing is not None:
            self._writing.join(timeout_s)
        self.keep(self.kept)
        if self._writing is not None:
            self._writing.join(timeout_s)

    def _write(self, own: KeptWindow, before: KeptWindow) -> None:
        try:
            _write(own)
        except OSError:  # a full disk: a later call writes this, too
            self._written = before


def _write(own: KeptWindow) -> None:
    """Write what a window keeps, over what is there of it: layouts of other rigs stay."""
    path = kept_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with held_file(path.with_suffix(".lock"), "kept window", _LOCKED_WITHIN_S):
        layouts = {**read_kept().layouts, **own.layouts}
        replace_file(path, msgspec.json.encode(msgspec.structs.replace(own, layouts=layouts)))
