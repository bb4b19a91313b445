"""Shows a run in a notebook as a line that follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs.status_html import status_html

if TYPE_CHECKING:
    from parfocal.core.run_status import RunStatus
    from parfocal.runs.handle import RunHandle


def show_live(handle: RunHandle) -> None:
    """Show a handle where IPython is: in a notebook a line that changes until the run has ended.

    In a terminal, which has nothing that could change, it is the handle's text.
    """
    from IPython.core.getipython import get_ipython
    from IPython.display import HTML, display

    if not hasattr(get_ipython(), "kernel"):
        print(repr(handle))  # noqa: T201 - this is what IPython would print
        return
    shown = display(HTML(handle._repr_html_()), display_id=True)

    def follow(status: RunStatus) -> None:
        shown.update(HTML(status_html(status)))
        if status.ended:
            handle.status_changed.disconnect(follow)

    handle.status_changed.connect(follow)
