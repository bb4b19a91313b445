"""What the events of a plan may be: the words of plans, of runs, and of their records."""

from __future__ import annotations

from typing import Literal, get_args

EventKind = Literal[
    "image", "reference", "stimulus", "wait", "confirm", "acquire", "autofocus", "call", "condition"
]
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
"""What the numbers mean that stand in the log of a run's events, from 0."""
