"""The service of runs with a journal that writes nothing: beside the true one, it tells what that costs."""

from __future__ import annotations

from typing import Any

import parfocal.runs.making as making
from parfocal.runs.service import RunService

__all__ = ["RunService"]


class _NoJournal:
    """Takes what a journal is told, and keeps nothing of it."""

    def __init__(self, *_: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


making.RunJournal = _NoJournal  # type: ignore[assignment, misc]
