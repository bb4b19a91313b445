"""Modules of a person's own, which lie where the command is typed."""

from __future__ import annotations

import sys
from pathlib import Path


def find_own_modules() -> None:
    """Have modules in the working directory found: after all others, so that they can hide none."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
