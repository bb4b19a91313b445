"""Rigs by name: those that come with parfocal, and those of installed packages."""

from __future__ import annotations

import importlib.resources
import importlib.util
from contextlib import suppress
from pathlib import Path

from parfocal.core.errors import ConfigError
from parfocal.processes import loading
from parfocal.processes.loading import plugins


def named_rigs() -> dict[str, Path]:
    """Return the rigs that can be named: their names and files.

    Those of parfocal come first; one whose file cannot be found is left out, and `parfocal doctor` tells why.
    """
    found = dict(builtin_rigs())
    for name in plugins(loading.RIGS):
        with suppress(ConfigError):
            found.setdefault(name, installed_rig(name))
    return found


def builtin_rigs() -> dict[str, Path]:
    """Return the rigs that come with parfocal: their names and files."""
    folder = Path(str(importlib.resources.files("parfocal.rig"))) / "builtin"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def installed_rig(name: str) -> Path:
    """Return the file of a rig of an installed package: ``<name>.toml`` in the package of its entry point.

    Raises
    ------
    ConfigError
        If there is no such package or file; or if the package is a part of another one, which raises.
    """
    package, added_by = plugins(loading.RIGS)[name]
    where = f"rig {name!r} of {added_by}"
    try:
        spec = importlib.util.find_spec(package)
    except (Exception, SystemExit) as error:  # border to code of others: packages above it are imported
        raise ConfigError(
            f"{where}: {package} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    for folder in folders:
        if (path := Path(folder, f"{name}.toml")).is_file():
            return path
    raise ConfigError(f"{where}: there is no file {name}.toml in the package {package!r}")
