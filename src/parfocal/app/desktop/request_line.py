"""What became of a request, at the place where it was asked: progress and cancel, a result, or a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from parfocal.app.desktop.fields import value_text
from parfocal.app.desktop.look import tell
from parfocal.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from parfocal.app.desktop.request import Request

_SHOWS_AFTER_S = 0.3
"""What is done by then is shown as done, and never flickers as pending."""
_FULL = 1000
_LONGEST = 300


class RequestLine(QWidget):
    """Follows the newest request that it was given.

    Parameters
    ----------
    results : bool
        Whether it shows what a command has returned.
    """

    def __init__(self, *, results: bool = True) -> None:
        super().__init__()
        self._results = results
        self._request: Request | None = None
        self._asked_s = 0.0
        self.bar, self.cancel, self.text = QProgressBar(), QPushButton("Cancel"), QLabel()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.cancel.clicked.connect(lambda: self._request is not None and self._request.cancel())
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        column.addWidget(self.text)
        self.hide()

    @property
    def is_pending(self) -> bool:
        """Whether what was asked last has not ended."""
        return self._request is not None and self._request.state == "pending"

    def follow(self, request: Request) -> None:
        """Show what becomes of a request."""
        self._request = request
        self._asked_s = SYSTEM_CLOCK.monotonic_ns() / 1e9
        self.refresh()

    def refuse(self, text: str) -> None:
        """Tell why nothing was asked for."""
        self._request = None
        for part in (self.bar, self.cancel):
            part.hide()
        self._tell(text, wrong=True)
        self.setVisible(True)

    def refresh(self) -> None:
        """Show how it is now."""
        request = self._request
        if request is None:
            return
        waits = request.state == "pending"
        late = waits and SYSTEM_CLOCK.monotonic_ns() / 1e9 - self._asked_s > _SHOWS_AFTER_S
        self.bar.setVisible(late)
        self.cancel.setVisible(late)
        if late:
            fraction = request.fraction
            self.bar.setRange(0, 0 if fraction is None else _FULL)
            self.bar.setValue(0 if fraction is None else round(_FULL * fraction))
        self._show_text(request, late)

    def _show_text(self, request: Request, late: bool) -> None:
        failed = request.error is not None
        if request.state == "pending":
            text = (request.text or "is being done …") if late else ""
        elif failed:
            text = request.text
        else:
            text = "" if request.result is None or not self._results else f"→ {value_text(request.result)}"
        self._tell(text, wrong=failed)
        self.setVisible(bool(text) or late)

    def _tell(self, text: str, *, wrong: bool) -> None:
        shown = text if len(text) <= _LONGEST or wrong else text[:_LONGEST] + " …"
        if self.text.text() != shown:
            self.text.setToolTip(text if shown != text else "")
        tell(self.text, shown, wrong=wrong)
        self.text.setVisible(bool(shown))
