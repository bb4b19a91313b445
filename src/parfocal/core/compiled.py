"""Where compiled numerics are kept: beside the package, in the user's cache, or in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from parfocal.core.files import private_folder

_VARIABLE = "NUMBA_CACHE_DIR"


def keep_compiled_code() -> None:
    """Choose a folder for compiled code that can be written, where the usual ones cannot.

    Called before numba is imported, which refuses to compile where it finds none: for a user without a home,
    in a package that an administrator installed.
    """
    if _VARIABLE in os.environ or _can_write(Path(__file__).parent) or _can_write(_user_cache()):
        return
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    os.environ[_VARIABLE] = str(private_folder(Path(tempfile.gettempdir()) / f"parfocal-numba{user}"))


def _can_write(folder: Path | None) -> bool:
    return folder is not None and os.access(folder, os.W_OK)


def _user_cache() -> Path | None:
    """Return the nearest folder there is of those that lead to the user's cache; None without a home."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return next((folder for folder in (cache, *cache.parents) if folder.exists()), None)
