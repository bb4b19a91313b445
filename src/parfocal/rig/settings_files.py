"""Settings of a running service as a TOML file: saved, and taken over from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.processes.loading import load_service
from parfocal.processes.settings import export_toml, import_toml, plain

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from parfocal.rig.rig import Rig


def save_settings(rig: Rig, service: str, path: Path) -> None:
    """Write the settings of a service to a TOML file."""
    export_toml(_model(rig, service).model_validate(rig[service].get_settings()), path)


def take_settings(rig: Rig, service: str, path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give a service the settings of a TOML file; what is wrong in it takes its default.

    Returns
    -------
    settings : dict
        All settings of the service, as they are now.
    warnings : tuple of str
        One for each key that was not taken.

    Raises
    ------
    CommandFailedError
        If the service refuses them; it keeps those that it had.
    """
    settings, warnings = import_toml(_model(rig, service), path)
    return rig[service].set_settings(plain(settings, secrets=True)), warnings


def _model(rig: Rig, service: str) -> type[BaseModel]:
    return load_service(rig[service].hello().details["factory"]).Config
