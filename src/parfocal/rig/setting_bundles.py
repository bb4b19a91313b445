"""All settings of a rig as one YAML file, to be kept, compared, and taken over by this rig or another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.files import save_file
from parfocal.processes.setting_infos import STARS

if TYPE_CHECKING:
    from parfocal.processes.kept_settings import Values
    from parfocal.processes.setting_status import SettingStatus

FORMAT = 1
_HEAD = """# All settings of rig {rig!r}; `parfocal settings --rig {rig} --load FILE` takes them over.
# One that is taken out stays as it is. Passwords are left out.
"""


class SettingBundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a rig: for each service its values by path."""

    format: int
    rig: str = ""
    services: dict[str, dict[str, Any]]


def write_bundle(rig: str, settings: Mapping[str, tuple[SettingStatus, ...]], path: Path) -> None:
    """Write all settings of a rig to a file, which is replaced in one step; secrets are left out."""
    import yaml  # a few ms, which only files cost

    services = {
        service: {status.name: status.value for status in statuses if status.value != STARS}
        for service, statuses in settings.items()
    }
    bundle = {
        "format": FORMAT,
        "rig": rig,
        "services": {name: each for name, each in services.items() if each},
    }
    text = _HEAD.format(rig=rig) + yaml.safe_dump(bundle, sort_keys=False, allow_unicode=True)
    save_file(path, text.encode())


def read_bundle(path: Path) -> Values:
    """Return the settings that a file holds, for each service by path; they are not compared with any rig.

    Raises
    ------
    BadInputError
        If it cannot be read, or is no bundle; names the file, and what is wrong where.
    """
    import yaml

    try:
        bundle = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), SettingBundle)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BadInputError(f"{path} is no bundle of settings, as --save writes one: {reason}") from error
    if bundle.format != FORMAT:
        raise BadInputError(f"{path}: its format is {bundle.format}, and this parfocal reads {FORMAT}")
    return bundle.services
