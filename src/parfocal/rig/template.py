"""A rig file to begin with."""

from __future__ import annotations

import importlib.resources
import re
from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.core.files import create_file
from parfocal.rig.config import load_config

if TYPE_CHECKING:
    from pathlib import Path


def write_template(file: Path) -> str:
    """Write a commented rig file, and return the name of the rig: that of the file.

    Raises
    ------
    BadInputError
        If the file is there already, its folder is not, or no rig can be called like it. Nothing is written.
    """
    name = rig_name(file.stem)
    if not name or file.suffix != ".toml":
        raise BadInputError(
            f"{file} names no rig: write a name that begins with a letter of a to z, such as my-lab.toml"
        )
    if not file.absolute().parent.is_dir():
        raise BadInputError(f"there is no folder {file.absolute().parent} for {file}")
    text = template().replace('name = "lab"', f'name = "{name}"', 1)
    try:
        create_file(file, text.encode())
    except FileExistsError as error:
        raise BadInputError(f"{file} is there already; choose another name") from error
    return load_config(file).name


def rig_name(word: str) -> str:
    """Return the name of a rig that is called like a file or a folder; "" if none can be.

    Examples
    --------
    >>> rig_name("ERK pulses, 2"), rig_name("2nd")
    ('erk-pulses-2', '')
    """
    name = re.sub(r"[^a-z0-9_-]+", "-", word.lower()).strip("-")
    return name if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) else ""


def template() -> str:
    """Return the text of the template; what begins with ``#`` and no space behind it is a setting."""
    return importlib.resources.files("parfocal.rig").joinpath("template.toml").read_text(encoding="utf-8")
