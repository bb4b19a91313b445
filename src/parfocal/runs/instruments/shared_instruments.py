"""What runs tell one another that share instruments: a run, and those that it started."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.ipc import Call


class SharedInstruments:
    """Which of the runs that share instruments used them last: what one knows of them is old after another.

    Attributes
    ----------
    lock : threading.RLock
        Held while one of them places or exposes.
    last : object
        Who did so last.
    claiming : threading.Lock
        Held while one of them takes or ends a claim: two that look at `held` at once would both claim.
    held : set of str
        The services that one of them holds.
    blanking : Call or None
        By which the light modulator is made blank after the last stimulus, until somebody has waited for it.
    forced : bool
        Whether one of them uses services without a claim: others may change them, and nobody hears of it.
    untouched : bool
        Whether nobody else has changed anything since one of them has set a channel.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.last: object = None
        self.claiming = threading.Lock()
        self.held: set[str] = set()
        self.blanking: Call | None = None
        self.forced = self.untouched = False
