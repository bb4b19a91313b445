"""Files that readers find whole: replaced in one step, and brought to stable storage where that is asked."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Give the file at `path` a new content at once: a reader sees the old or the new one, never a part.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    content : bytes
        All of it.
    durable : bool
        Whether to return only after the content and its name are on stable storage.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        with draft.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        sync_file(path.parent)


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
