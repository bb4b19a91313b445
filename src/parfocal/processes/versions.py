"""Which versions this process runs: of Python, of the system, and of every package that it has loaded."""

from __future__ import annotations

import hashlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def loaded_versions() -> dict[str, str]:
    """Return the versions of Python, the system, and all loaded packages and modules that are not Python's.

    They stand under the names by which they are imported. One that has no version, such as a file of the
    laboratory's own, is told by the SHA-256 of its loaded files, as they are on the disk now. Any thread;
    takes some 20 ms.

    Examples
    --------
    >>> sorted({"python", "system", "parfocal", "numpy"} - set(loaded_versions()))
    []
    """
    files: dict[str, list[Path]] = {}
    for name, module in tuple(sys.modules.items()):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and not top.startswith("_"):
            file = getattr(module, "__file__", None)
            files.setdefault(top, []).extend([Path(file)] if file else [])
    found = {"python": platform.python_version(), "system": platform.platform()}
    return found | {top: stated for top, its in sorted(files.items()) if (stated := _version(top, its))}


def _version(name: str, files: list[Path]) -> str:
    """Return the version of what is imported as `name`; "" if it has none, and no file."""
    try:
        return version(name)
    except PackageNotFoundError:
        stated = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(stated, str):
        return stated
    digest, read = hashlib.sha256(), 0
    for path in sorted(files):
        if path.is_file():
            digest.update(path.read_bytes())
            read += 1
    return f"sha256:{digest.hexdigest()}" if read else ""
