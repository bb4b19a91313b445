"""What runs tell one another that share instruments: a run, and those that it started."""

from __future__ import annotations

import threading


class SharedInstruments:
    """Which of the runs that share instruments used them last: what one knows of them is old after another.

    Attributes
    ----------
    lock : threading.RLock
        Held while one of them places or exposes.
    last : object
        Who did so last.
    held : set of str
        The services that one of them holds.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.last: object = None
        self.held: set[str] = set()
