"""Free space, and storage errors that name the disk's fault."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parfocal.core.errors import DiskFullError, FolderVanishedError, ParfocalError, StorageError

_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_OS_CODE = re.compile(r"os_error_code='(\d+)'")


def free_bytes(folder: Path) -> int:
    """Return how many bytes fit on the disk that holds `folder`."""
    return shutil.disk_usage(folder).free


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what the file libraries raise inside the block into a `StorageError` that names `folder`.

    Raises
    ------
    DiskFullError
        The disk, or the user's share of it, is full.
    FolderVanishedError
        `folder` is no more.
    StorageError
        Anything else; the cause says what.
    """
    try:
        yield
    except ParfocalError:
        raise
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise explain(error, folder) from error


def explain(error: Exception, folder: Path) -> StorageError:
    """Return the `StorageError` that says what `error` means for the recording in `folder`.

    Examples
    --------
    >>> explain(OSError(28, "No space left on device"), Path("."))  # doctest: +ELLIPSIS
    DiskFullError('the disk of . is full (... MB free): free some space; what was written before is safe')
    """
    if not folder.is_dir():
        return FolderVanishedError(
            f"the folder {folder} disappeared while it was written; restore it or its disk"
        )
    code = error.errno if isinstance(error, OSError) else _code_in(str(error))
    if code in _FULL:
        free = free_bytes(folder) // 1_000_000
        return DiskFullError(
            f"the disk of {folder} is full ({free} MB free): free some space; what was written before is safe"
        )
    return StorageError(f"{folder} could not be written: {error}")


def _code_in(text: str) -> int | None:
    found = _OS_CODE.search(text)
    return int(found.group(1)) if found else None
