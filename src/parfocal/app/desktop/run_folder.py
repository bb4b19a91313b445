"""Where the runs of a rig go, as the services tell that carry them out and record them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session


def run_folder(session: Session) -> str:
    """Return the folder of runs that name none: that of the run service, else of the recorder it uses.

    A relative one is meant where the rig was started.
    """
    runs = session.settings(SERVICE) or {}
    recorder = session.settings(runs["recorder"]) if runs.get("recorder") else None
    return str(runs.get("folder") or (recorder or {}).get("folder", "runs"))
