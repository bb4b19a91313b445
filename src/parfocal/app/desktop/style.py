"""How the desktop looks beyond Qt's palette: one style sheet, in the colours of a theme. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parfocal.viewers.qt.theme import THEMES

if TYPE_CHECKING:
    from parfocal.viewers.qt.theme import Theme

GAP, MARGIN, RADIUS = 8, 10, 5
"""Between widgets, around them, and of corners: pixels, the same in all panels."""
_MARKS = Path(__file__).with_name("marks")


def style_sheet(theme: Theme) -> str:
    """Return the style sheet of the desktop's window."""
    line = theme.button
    return f"""
    QMainWindow::separator {{ background: {theme.window}; width: 5px; height: 5px; }}
    QMainWindow::separator:hover {{ background: {line}; }}
    QToolBar {{ border: none; border-bottom: 1px solid {line}; spacing: {GAP}px; padding: 0; }}
    QMenuBar {{ border: none; padding: 1px 4px; }}
    QStatusBar {{ border-top: 1px solid {line}; color: {theme.faint}; }}
    QStatusBar::item {{ border: none; }}
    QDockWidget {{ color: {theme.text}; font-weight: bold; }}
    QDockWidget::title {{ background: {theme.window}; padding: 5px 8px; border-bottom: 1px solid {line}; }}
    QDockWidget > QWidget {{ font-weight: normal; }}
    QTabBar {{ qproperty-drawBase: 0; qproperty-elideMode: ElideNone; border: none; }}
    QTabBar::tab {{
        background: transparent; color: {theme.faint}; padding: 5px 7px; border: none;
        border-bottom: 2px solid transparent;
    }}
    QTabBar::tab:selected {{ color: {theme.text}; border-bottom: 2px solid {theme.accent}; }}
    QTabBar::tab:hover {{ color: {theme.text}; }}
    QPushButton, QToolButton#plain {{
        background: {theme.button}; color: {theme.text}; border: 1px solid {line};
        border-radius: {RADIUS}px; padding: 4px 10px;
    }}
    QPushButton:hover, QToolButton#plain:hover {{ border-color: {theme.accent}; }}
    QPushButton:pressed, QToolButton#plain:pressed {{ background: {theme.base}; }}
    QPushButton:checked {{ background: {theme.accent}; color: {theme.base}; border-color: {theme.accent}; }}
    QPushButton:disabled {{ color: {theme.faint}; background: {theme.window}; }}
    QPushButton#small {{ padding: 4px 2px; }}
    QPushButton#stop {{ color: {theme.alarm}; border: 1px solid {theme.alarm}; font-weight: bold; }}
    QPushButton#stop:disabled {{ color: {theme.faint}; border-color: {line}; font-weight: normal; }}
    QPushButton#primary {{ background: {theme.accent}; color: {theme.base}; border-color: {theme.accent}; }}
    QPushButton#primary:disabled {{
        background: {theme.button}; color: {theme.faint}; border-color: {line};
    }}
    QLineEdit, QComboBox, QDoubleSpinBox {{
        background: {theme.base}; color: {theme.text}; border: 1px solid {line};
        border-radius: {RADIUS}px; padding: 3px 6px; selection-background-color: {theme.accent};
    }}
    QLineEdit#wrong {{ border-color: {theme.alarm}; }}
    QLineEdit:focus, QComboBox:focus, QDoubleSpinBox:focus {{ border-color: {theme.accent}; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {theme.faint}; }}
    QComboBox::drop-down {{ border: none; width: 20px; }}
    QComboBox::down-arrow {{ image: url({mark("down", theme)}); width: 10px; height: 10px; }}
    QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {{ border: none; width: 14px; }}
    QDoubleSpinBox::up-arrow {{ image: url({mark("up", theme)}); width: 8px; height: 8px; }}
    QDoubleSpinBox::down-arrow {{ image: url({mark("down", theme)}); width: 8px; height: 8px; }}
    QToolButton[popupMode="2"] {{ padding-right: 12px; }}
    QToolButton::menu-indicator {{
        image: url({mark("down", theme)}); width: 8px; height: 8px; subcontrol-position: right center;
    }}
    QComboBox QAbstractItemView {{ background: {theme.base}; color: {theme.text}; }}
    QTreeView, QTableView, QPlainTextEdit, QListView {{
        background: {theme.base}; color: {theme.text}; border: 1px solid {line};
        border-radius: {RADIUS}px; alternate-background-color: {theme.window};
    }}
    QHeaderView::section {{
        background: {theme.base}; color: {theme.faint}; border: none; border-bottom: 1px solid {line};
        padding: 4px 6px;
    }}
    QHeaderView, QTableCornerButton::section {{ background: {theme.base}; border: none; }}
    QHeaderView::section:vertical {{ border: none; }}
    QTreeView::item {{ padding: 3px 2px; }}
    QScrollArea {{ border: none; background: transparent; }}
    QFrame#card {{ background: {theme.base}; border: 1px solid {line}; border-radius: {RADIUS + 2}px; }}
    QToolButton#section {{
        border: none; color: {theme.faint}; font-weight: bold; padding: 3px 2px; background: transparent;
    }}
    QToolButton#section:hover {{ color: {theme.text}; }}
    QCheckBox::indicator {{
        width: 14px; height: 14px; border: 1px solid {theme.faint}; border-radius: 3px;
        background: {theme.base};
    }}
    QCheckBox::indicator:checked {{
        background: {theme.accent}; border-color: {theme.accent}; image: url({mark("check", theme)});
    }}
    QCheckBox::indicator:hover {{ border-color: {theme.accent}; }}
    QLabel#title {{ font-size: 20px; font-weight: bold; }}
    QLabel#heading {{ font-weight: bold; }}
    QLabel#faint {{ color: {theme.faint}; }}
    QLabel#alarm {{ color: {theme.alarm}; font-weight: normal; }}
    QProgressBar {{
        background: {theme.base}; border: 1px solid {line}; border-radius: {RADIUS}px; height: 10px;
        text-align: center; color: {theme.text};
    }}
    QProgressBar::chunk {{ background: {theme.accent}; border-radius: {RADIUS - 1}px; }}
    """


def mark(name: str, theme: Theme) -> str:
    """Return the file of a mark, such as "down", in the colour of a theme, as a style sheet takes it."""
    of = next(word for word, known in THEMES.items() if known == theme)
    return f'"{(_MARKS / f"{name}-{of}.svg").as_posix()}"'
