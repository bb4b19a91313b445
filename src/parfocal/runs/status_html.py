"""A run's status as a line of HTML, for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from parfocal.runs.status_parts import tone_of
from parfocal.runs.status_text import progress_text, state_text

if TYPE_CHECKING:
    from parfocal.core.run_status import RunStatus
    from parfocal.runs.status_parts import Tone

_TONES: dict[Tone, str] = {
    "quiet": "#616161",
    "going": "#2e7d32",
    "waiting": "#1565c0",
    "held": "#ef6c00",
    "good": "#2e7d32",
    "bad": "#c62828",
}


def status_html(status: RunStatus) -> str:
    """Return one line of HTML: the state as a coloured word, a bar, and the words of `progress_text`.

    Examples
    --------
    >>> from parfocal.core.run_status import RunStatus
    >>> "<b>a &lt;b&gt;</b>" in status_html(RunStatus(run="a <b>"))
    True
    """
    style = f"background:{_TONES[tone_of(status)]};color:white;padding:1px 6px"
    chip = f'<span style="{style}">{escape(state_text(status))}</span>'
    bar = f'<progress value="{status.events_acquired}" max="{max(1, status.events_total)}"></progress>'
    return f"<b>{escape(status.run)}</b> {chip} {bar} {escape(progress_text(status))}"
