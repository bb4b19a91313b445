"""The line below the table: how much there is, and how far the scan has come. Pure."""

from __future__ import annotations

from parfocal.app.browser.catalogue import CatalogueSnapshot
from parfocal.core.counted import counted


def state_line(snapshot: CatalogueSnapshot) -> str:
    """Return what is shown of how much, and what is still going on.

    Examples
    --------
    >>> from parfocal.app.browser.inventory import ScanProgress
    >>> state_line(CatalogueSnapshot(progress=ScanProgress(images=1200, unread=30, problems=1)))
    '0 of 1200 images shown; 30 files to be opened; 1 cannot be read'
    """
    progress = snapshot.progress
    shown = len(snapshot.rows)
    parts = [
        f"{shown} of {progress.images} images shown" if shown != progress.images else counted(shown, "image")
    ]
    if progress.unlisted:
        parts.append(f"{counted(progress.unlisted, 'folder')} to be listed")
    if progress.unread:
        parts.append(f"{counted(progress.unread, 'file')} to be opened")
    if progress.problems:
        parts.append(f"{progress.problems} cannot be read")
    return "; ".join(parts)
