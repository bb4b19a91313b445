"""Modules of a person's own, which lie where the command is typed, or beside the file that names them."""

from __future__ import annotations

import sys
from pathlib import Path


def find_own_modules(*beside: Path) -> None:
    """Have modules in the working directory found, and beside these files.

    They come after all others, so that they can hide none.
    """
    for folder in (Path.cwd(), *(file.absolute().parent for file in beside)):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
