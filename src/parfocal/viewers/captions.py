"""What is told beside the image of a pane, in a line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parfocal.viewers.panes import Pane


def caption_of(pane: Pane) -> str:
    """Return which plane a pane shows; of a stream its rate and age, and what to wait for if nothing comes.

    Examples
    --------
    >>> from parfocal.viewers.panes import Pane
    >>> caption_of(Pane("nuclei", caption="t 3")), caption_of(Pane("lab/camera", live=True))
    ('t 3', 'the stream is away; this view goes on when it comes back')
    """
    status = pane.status
    if not pane.live:
        return pane.caption
    if not status.live:
        return "the stream is away; this view goes on when it comes back"
    if pane.image is None:
        return "no frame yet; the camera does not expose"
    if pane.display.frozen:
        return "frozen; the stream goes on"
    age = f"{status.age_s * 1e3:.0f} ms" if status.age_s < 1 else f"{status.age_s:.1f} s"
    return f"{status.fps:.1f} fps   age {age}   {status.skipped} skipped"
