"""The z tables that are remembered by the name of a field, across starts of the rig."""

from __future__ import annotations

import re
from pathlib import Path

from parfocal.core.errors import BadInputError
from parfocal.processes import directory

_NAME = re.compile(r"[\w][\w .-]{0,63}")
_SUFFIX = ".tables.npz"


class TableFields:
    """Finds files of tables by field, in the folder of what outlives a rig.

    Parameters
    ----------
    rig, service : str
        Whose tables they are.
    """

    def __init__(self, rig: str, service: str) -> None:
        self._folder = directory.state_folder(rig) / service

    def path(self, field: str) -> Path:
        """Return where the tables of a field are, or would be.

        Raises
        ------
        BadInputError
            If a field can't have that name.

        Examples
        --------
        >>> TableFields("lab", "tracker").path("../A")
        Traceback (most recent call last):
        parfocal.core.errors.BadInputError: a field can't be called '../A': use up to 64 letters or digits
        """
        if not _NAME.fullmatch(field):
            raise BadInputError(f"a field can't be called {field!r}: use up to 64 letters or digits")
        return self._folder / f"{field}{_SUFFIX}"

    def names(self) -> list[str]:
        """Return the fields that there are, by name."""
        found = self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ()
        return sorted(path.name.removesuffix(_SUFFIX) for path in found)
