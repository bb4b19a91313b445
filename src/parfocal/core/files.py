"""Files that readers find whole, replaced in one step; and folders that belong to one user."""

from __future__ import annotations

import glob
import os
import stat
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from parfocal.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from pathlib import Path

_LEFT_S = 3600.0
"""A draft that is older belongs to nobody any more."""


def replace_file(
    path: Path, content: bytes, *, durable: bool = False, private: bool = False, mode: int | None = None
) -> None:
    """Give the file at `path` a new content at once: a reader sees the old or the new one, never a part.

    Any thread of any process: of two that write at once one comes last, whole. Where the newer content must
    win, the caller takes it and writes it under one lock.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    content : bytes
        All of it.
    durable : bool
        Whether to return only after the content and its name are on stable storage. What a process left here
        that was killed while it wrote, an hour ago or longer, is removed then.
    private : bool
        Whether this user alone may read it.
    mode : int, optional
        Its permissions; by default those of any new file.
    """
    draft = draft_of(path)
    try:
        if private:
            draft.unlink(missing_ok=True)  # one that is left over may be open to others
        with open(draft, "wb", opener=_open_private if private else None) as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        sync_file(path.parent)
        _remove_left_drafts(path)


def save_file(path: Path, content: bytes) -> None:
    """Write what somebody saves: whoever reads it, or comes after a crash, finds the old or the new content.

    A file that is there keeps its permissions, and where `path` is a link it is the file behind it that is
    written. What is no file, as a pipe, or stands for an open one, as ``/dev/stdout``, is written to.

    Raises
    ------
    OSError
        If the system refuses it; names `path`. What was there is as it was.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "plan.yaml"
    >>> save_file(path, b"channels: [nucleus]")
    >>> path.read_bytes()
    b'channels: [nucleus]'
    """
    try:
        if (path.exists() and not path.is_file()) or path.absolute().is_relative_to("/dev"):
            path.write_bytes(content)
        else:
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
            replace_file(path.resolve(), content, durable=True, mode=mode)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def create_file(path: Path, content: bytes) -> None:
    """Make a new file with all of its content; what can't be written, on a full disk, leaves no part of it.

    Raises
    ------
    FileExistsError
        If there is something at `path` already.
    OSError
        If the system refuses it; names the file.
    """
    file = path.open("xb")
    try:
        with file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def _remove_left_drafts(path: Path) -> None:
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        with suppress(OSError):  # whose it is may be at it just now
            if SYSTEM_CLOCK.utc_ns() * 1e-9 - draft.stat().st_mtime > _LEFT_S:
                draft.unlink()


def draft_of(path: Path) -> Path:
    """Return where this thread alone writes what becomes the file at `path`: in the same folder, hidden."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.new")


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Return what a folder holds under such names, sorted; nothing of one that somebody removes meanwhile."""
    try:
        return sorted(folder.glob(pattern))
    except FileNotFoundError:  # found, and gone before it was read: Python tells that before 3.13
        return []


def way_to(folder: Path | str, place: Path | str) -> str:
    """Return the way to a folder as seen from another one, as documents have it, with slashes.

    Where there is none, between two drives of Windows, it is the folder's own absolute path.

    Examples
    --------
    >>> way_to("/data/run/frames.ome.zarr/0", "/data/again/labels.ome.zarr/0")
    '../../../run/frames.ome.zarr/0'
    """
    try:
        way = os.path.relpath(folder, place)
    except ValueError:
        way = os.path.abspath(folder)
    return way.replace(os.sep, "/")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sync_file(path: Path) -> None:
    """Return only after the file or folder at `path` is on stable storage."""
    if path.is_dir() and os.name == "nt":  # Windows has no handle of a folder to flush
        return
    with suppress(FileNotFoundError):  # replaced or removed since it was listed: nothing left to bring down
        handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def private_folder(path: Path, chosen_by: str = "") -> Path:
    """Make a folder that this user alone can enter; return it.

    Parameters
    ----------
    path : Path
        Of the folder.
    chosen_by : str
        The environment variable by which a user chooses where it lies; "" for none.

    Raises
    ------
    PermissionError
        If it is there already, and is another user's or open to others.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "nt":  # permissions come from the user's profile there
        return path
    another = "choose another" if not chosen_by else f"set {chosen_by} to another"
    if {path.lstat().st_uid, path.stat().st_uid} != {os.getuid()}:  # a link of somebody else's is refused too
        raise PermissionError(f"folder {path} belongs to another user; {another}")
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"folder {path} is open to other users; run chmod 700 on it, or {another}")
    return path
