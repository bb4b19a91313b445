"""An editor of Python: line numbers, problems at their lines, indents that go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontDatabase,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from parfocal.app.desktop.script_editor.indents import block_commented, indent_after
from parfocal.app.desktop.script_editor.python_highlighter import PythonHighlighter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.viewers.qt.theme import Theme

_INDENT = " " * 4
_GUTTER_PX = 18


class CodeEdit(QPlainTextEdit):
    """Edits a script.

    Parameters
    ----------
    theme : Theme
        Its colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._problems: dict[int, str] = {}
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.gutter = _Gutter(self)
        self.highlighter = PythonHighlighter(self.document(), theme)
        self.blockCountChanged.connect(lambda _: self._fit_gutter())
        self.updateRequest.connect(self._scroll_gutter)
        self.cursorPositionChanged.connect(self._mark)
        self._fit_gutter()
        self._mark()

    @property
    def problems(self) -> dict[int, str]:
        """What is wrong, by line from 1 on."""
        return dict(self._problems)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.highlighter.set_theme(theme)
        self._mark()

    def show_problems(self, problems: Mapping[int, str]) -> None:
        """Mark lines, from 1 on, with what is wrong in them."""
        if problems != self._problems:
            self._problems = dict(problems)
            self._mark()

    def go_to(self, line: int) -> None:
        """Bring a line before the person, from 1 on."""
        block = self.document().findBlockByNumber(max(0, min(line, self.blockCount()) - 1))
        self.setTextCursor(QTextCursor(block))
        self.centerCursor()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Indent with blanks, go on with the indent of the line, comment lines out and in."""
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        match event.key():
            case Qt.Key.Key_Tab if self.textCursor().hasSelection():
                self._change_lines(lambda lines: [_INDENT + line if line.strip() else line for line in lines])
            case Qt.Key.Key_Tab:
                column = self.textCursor().positionInBlock()
                self.insertPlainText(" " * (len(_INDENT) - column % len(_INDENT)))
            case Qt.Key.Key_Backtab:
                self._change_lines(lambda lines: [line.removeprefix(_INDENT) for line in lines])
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                cursor = self.textCursor()
                before = cursor.block().text()[: cursor.positionInBlock()]
                self.insertPlainText("\n" + indent_after(before))
                self.ensureCursorVisible()
            case Qt.Key.Key_Slash if control:
                self._change_lines(block_commented)
            case _:
                super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the numbers beside the text."""
        super().resizeEvent(event)
        inside = self.contentsRect()
        self.gutter.setGeometry(QRect(inside.left(), inside.top(), self.gutter_px(), inside.height()))

    def event(self, event: QEvent) -> bool:
        """Tell what is wrong in the line over which the mouse rests."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.viewport().mapFromGlobal(event.globalPos())
            line = self.cursorForPosition(place).blockNumber() + 1
            QToolTip.showText(event.globalPos(), self._problems.get(line, ""), self)
            return True
        return super().event(event)

    def gutter_px(self) -> int:
        """Return how wide the numbers are."""
        digits = max(2, len(str(self.blockCount())))
        return _GUTTER_PX + digits * self.fontMetrics().horizontalAdvance("9")

    def paint_gutter(self, event: QPaintEvent) -> None:
        """Paint the numbers of the lines that can be seen, and a dot where something is wrong."""
        theme = self._theme
        painter = QPainter(self.gutter)
        painter.fillRect(event.rect(), QColor(theme.window))
        painter.setFont(self.font())
        block, here = self.firstVisibleBlock(), self.textCursor().blockNumber()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            height = self.blockBoundingRect(block).height()
            wrong = block.blockNumber() + 1 in self._problems
            ink = theme.alarm if wrong else theme.text if block.blockNumber() == here else theme.faint
            painter.setPen(QColor(ink))
            room = QRect(0, round(top), self.gutter.width() - 7, round(height))
            painter.drawText(room, Qt.AlignmentFlag.AlignRight, str(block.blockNumber() + 1))
            if wrong:
                painter.setBrush(QColor(theme.alarm))
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.drawEllipse(3, round(top + height / 2) - 3, 6, 6)
            top += height
            block = block.next()
        painter.end()

    def _change_lines(self, change: Callable[[list[str]], list[str]]) -> None:
        """Change the lines that are selected, or the one of the cursor, in one step that can be undone."""
        cursor = self.textCursor()
        begin, end = sorted((cursor.position(), cursor.anchor()))
        first, last = (self.document().findBlock(place) for place in (begin, end))
        if last.blockNumber() > first.blockNumber() and end == last.position():
            last = last.previous()  # a selection that ends before a line does not touch it
        cursor.setPosition(first.position())
        cursor.setPosition(last.position() + len(last.text()), QTextCursor.MoveMode.KeepAnchor)
        lines = cursor.selectedText().split("\u2029")
        changed = "\n".join(change(lines))
        cursor.insertText(changed)
        cursor.setPosition(first.position())
        cursor.setPosition(first.position() + len(changed), QTextCursor.MoveMode.KeepAnchor)
        if len(lines) > 1:
            self.setTextCursor(cursor)

    def _mark(self) -> None:
        """Show the line of the cursor, and underline what is wrong."""
        marks = [_line_mark(self.textCursor(), QColor(self._theme.window))]
        for line in self._problems:
            block = self.document().findBlockByNumber(line - 1)
            if block.isValid():
                cursor = QTextCursor(block)
                text = block.text()
                cursor.setPosition(block.position() + len(text) - len(text.lstrip()))
                cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
                marks.append(_wave(cursor, QColor(self._theme.alarm)))
        self.setExtraSelections(marks)
        self.gutter.update()

    def _fit_gutter(self) -> None:
        self.setViewportMargins(self.gutter_px(), 0, 0, 0)
        inside = self.contentsRect()
        self.gutter.setGeometry(QRect(inside.left(), inside.top(), self.gutter_px(), inside.height()))

    def _scroll_gutter(self, area: QRect, by: int) -> None:
        if by:
            self.gutter.scroll(0, by)
        else:
            self.gutter.update(0, area.y(), self.gutter.width(), area.height())


class _Gutter(QWidget):
    """Where the numbers of the lines stand."""

    def __init__(self, editor: CodeEdit) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        """Return the width of the numbers."""
        return QSize(self._editor.gutter_px(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint them."""
        self._editor.paint_gutter(event)


def _line_mark(cursor: QTextCursor, colour: QColor) -> QTextEdit.ExtraSelection:
    mark = QTextEdit.ExtraSelection()
    mark.format.setBackground(colour)
    mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
    mark.cursor = cursor
    mark.cursor.clearSelection()
    return mark


def _wave(cursor: QTextCursor, colour: QColor) -> QTextEdit.ExtraSelection:
    mark = QTextEdit.ExtraSelection()
    mark.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
    mark.format.setUnderlineColor(colour)
    mark.cursor = cursor
    return mark
