"""The newest forces on beads by their motion, as a window shows them, with those of the last minutes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.force.live_commands import streams_of
from parfocal.app.desktop.service_poll import ServicePoll

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.app.desktop.followers import RowFollower
    from parfocal.app.desktop.session import Session

_MOST = 600
"""Forces of each bead that are kept: ten minutes, at one a second."""


class LiveForceFeed:
    """Follows the stream of live forces of a service while a panel calls `refresh`. For the window's thread.

    Parameters
    ----------
    session : Session
        The rig.
    service : str
        The one that makes forces.

    Attributes
    ----------
    status : ServicePoll
        Whether forces are made, and what is wrong.
    """

    def __init__(self, session: Session, service: str) -> None:
        self.session, self.service = session, service
        self.status = ServicePoll(session, service, "live_status", every_s=0.5)
        self._rows: dict[int, deque[Any]] = {}
        self._follower: RowFollower | None = None

    def refresh(self) -> bool:
        """Take in what is new; return whether any force is."""
        self.status.refresh()
        if self._follower is None:
            self._follower = self.session.rows(streams_of(self.service)[0])
        rows = self._follower.take()
        for row in () if rows is None else rows:
            self._rows.setdefault(int(row["bead"]), deque(maxlen=_MOST)).append(row)
        return rows is not None

    def newest(self, bead: int | None) -> Any:
        """Return the newest row of a bead (`LIVE_DTYPE`); None without one."""
        rows = self._rows.get(-1 if bead is None else bead)
        return rows[-1] if rows else None

    def history(self, bead: int) -> NDArray[Any]:
        """Return the rows of a bead that are kept, the oldest first; at least one."""
        return np.array(self._rows[bead])

    def close(self) -> None:
        """Leave the stream; forces go on being made."""
        if self._follower is not None:
            self._follower.close()
