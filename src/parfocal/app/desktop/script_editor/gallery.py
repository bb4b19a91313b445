"""Scripts to begin with: those that come with parfocal."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from parfocal.core.errors import BadInputError

_INSTALLED = Path(__file__).parent / "gallery"
_BESIDE_SOURCE = Path(__file__).parents[5] / "examples" / "scripts"


class GalleryScript(NamedTuple):
    """A script to begin with: its name, what it does in a line, and its text."""

    name: str
    title: str
    text: str


def gallery_folder() -> Path:
    """Return where these scripts are: in the package, or beside the source of one that is worked on.

    Raises
    ------
    BadInputError
        If they are in neither.
    """
    for folder in (_INSTALLED, _BESIDE_SOURCE):
        if folder.is_dir():
            return folder
    raise BadInputError(f"there are no examples of scripts in {_INSTALLED}: install parfocal again")


def read_gallery() -> list[GalleryScript]:
    """Return all of them, by name."""
    found = []
    for path in sorted(gallery_folder().glob("*.py")):
        text = path.read_text(encoding="utf-8")
        title = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0].rstrip(".")
        found.append(GalleryScript(path.stem, title, text))
    return found
