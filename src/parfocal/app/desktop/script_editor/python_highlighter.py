"""Colours Python in an editor, line by line, in the colours of a theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat

from parfocal.app.desktop.script_editor.python_tokens import TRIPLES, tokens_of

if TYPE_CHECKING:
    from PySide6.QtGui import QTextDocument

    from parfocal.app.desktop.script_editor.python_tokens import TokenKind
    from parfocal.viewers.qt.theme import Theme

_CURVES: dict[TokenKind, int] = {"keyword": 0, "text": 2, "number": 1, "name": 7, "builtin": 5, "lab": 3}
_BOLD = frozenset({"keyword", "name"})


class PythonHighlighter(QSyntaxHighlighter):
    """Follows a document.

    Parameters
    ----------
    document : QTextDocument
        What is coloured.
    theme : Theme
        Its colours.
    """

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        colours: dict[str, str] = {kind: theme.curves[curve] for kind, curve in _CURVES.items()}
        for kind, colour in {**colours, "comment": theme.faint}.items():
            self._formats[kind] = made = QTextCharFormat()
            made.setForeground(QColor(colour))
            if kind in _BOLD:
                made.setFontWeight(QFont.Weight.DemiBold)
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Colour a line; the triple quote that is open at its end goes on in the next."""
        state = self.previousBlockState()
        found, inside = tokens_of(text, TRIPLES[state] if state >= 0 else "")
        for token in found:
            self.setFormat(token.start, token.length, self._formats[token.kind])
        self.setCurrentBlockState(TRIPLES.index(inside) if inside else -1)
