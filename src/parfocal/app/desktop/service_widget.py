"""A panel of any service, made from what it tells of itself: values, commands, state, settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from parfocal.app.desktop.command_form import CommandForm
from parfocal.app.desktop.fields import label_of, unit_text, value_text
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.section import PanelSection
from parfocal.app.desktop.service_form import ServiceForm, command_label, readings, service_form
from parfocal.app.desktop.service_poll import ServicePoll
from parfocal.app.desktop.settings_form import SettingsForm
from parfocal.app.desktop.style import GAP
from parfocal.app.desktop.value_form import ValueForm

if TYPE_CHECKING:
    from parfocal.app.desktop.request import Request
    from parfocal.app.desktop.session import Session
    from parfocal.ipc import CommandInfo

_LOOKS_EVERY_S = 0.15
"""A command of another client is told by no notice, and shall be seen within 0.2 s."""
_OF_THE_RIG = {"restart": "Restart this service", "end": "End this service until it is restarted"}
_IN_A_ROW = 3
_FEW = 8
"""So many values of a state are shown without being asked for."""
_NOT_TOLD: dict[str, Any] = {}
_NOTHING: dict[str, Any] = {"state": "nothing to tell"}


class ServiceWidget(QWidget):
    """Shows and steers one service.

    Parameters
    ----------
    session : Session
        The rig.
    service : str
        Name of the service.
    """

    def __init__(self, session: Session, service: str) -> None:
        super().__init__()
        self.session, self.service = session, service
        self.form = ServiceForm()
        self.controls, self.settings = ValueForm({}, self._set_value), SettingsForm(session, service, ())
        self.commands: dict[str, CommandForm] = {}
        self._built: tuple[CommandInfo, ...] | None = None
        self._wanted: tuple[str, bool] | None = None
        self._limits: dict[str, Any] | None = None
        self._told = ServicePoll(session, service, "state", every_s=_LOOKS_EVERY_S)
        self._shown: dict[str, Any] | None = None
        self._labels: dict[str, QLabel] = {}
        self.name, self.chip, self.silent, self.line = QLabel(service), QLabel(), QLabel(), RequestLine()
        self._area = QScrollArea()
        self._lay_out()

    def refresh(self) -> None:
        """Show what is new, and ask for the state every now and then."""
        self._told.refresh()
        self._show_health()
        commands = self.session.commands(self.service)
        if commands is not None and self._limits is None:
            self._ask_limits(commands)
        settings = self.session.setting_statuses(self.service)
        known = commands is not None and settings is not None and self._limits is not None and self.state
        if known and commands != self._built:
            self._build(commands or ())
        self._show_state()
        parts: tuple[ValueForm | SettingsForm | RequestLine | CommandForm, ...]
        parts = (self.controls, self.settings, self.line, *self.commands.values())
        for part in parts:
            part.refresh()

    def _show_state(self) -> None:
        """Show what the service has told last, once for each time that it has."""
        if self._shown is self.state:
            return
        self._shown = self.state
        self.controls.show_values(self.state)
        for key, value in readings(self.state, self.form).items():
            if key in self._labels and self._labels[key].text() != (text := _reading(key, value)):
                self._labels[key].setText(text)

    def focus_on(self, name: str, *, run: bool = False) -> None:
        """Bring a command or a setting before a person; `run` asks for one that takes nothing."""
        if self._built is None:
            self._wanted = (name, run)
            return
        editors = self.controls.editors | self.settings.live.editors | self.settings.fixed.editors
        keys = {control.command: control.key for control in self.form.controls}
        target: QWidget | None = editors.get(keys.get(name, name))
        if name in self.commands:
            form = self.commands[name]
            target = next(iter(form.editors.values()), form.button)
            if run and not form.editors:
                form.run()
        if run and name in {info.name for info in self.form.halts}:
            self.line.follow(self._ask(name, {}))
        if target is None:
            return
        self._unfold(target)
        self._area.ensureWidgetVisible(target)
        target.setFocus()

    @property
    def state(self) -> dict[str, Any]:
        """What the service is set to now, as it told last; {} before that."""
        told: dict[str, Any] | None = self._told.value
        return _NOT_TOLD if told is None else told or _NOTHING

    # -- asking ------------------------------------------------------------------------------------

    def _ask(self, command: str, arguments: dict[str, Any]) -> Request:
        self._told.soon()  # at what it did
        return self.session.ask(self.service, command, **arguments).then(lambda _: self._told.soon())

    def _set_value(self, key: str, value: Any) -> Request:
        control = next(control for control in self.form.controls if control.key == key)
        return self._ask(control.command, {control.parameter: value})

    def _ask_limits(self, commands: tuple[CommandInfo, ...]) -> None:
        self._limits = {}
        if any(info.name == "declared_limits" for info in commands):
            self._limits = None
            if not any(request.command == "declared_limits" for request in self.session.pending):
                self.session.ask(self.service, "declared_limits").then(self._take_limits)

    def _take_limits(self, request: Request) -> None:
        self._limits = request.result if request.state == "done" else None

    # -- showing -----------------------------------------------------------------------------------

    def _show_health(self) -> None:
        status = self.session.snapshot().rig.services.get(self.service)
        state = "is gone" if status is None else status.state
        ready = state == "ready"
        theme = self.session.theme
        error = "" if status is None or ready else status.error
        told = (self._told.unanswered if ready else "") or error
        self.silent.setText(told)
        self.silent.setVisible(bool(told))
        colour = theme.alarm if told or not ready else theme.good
        self.chip.setText(f"<span style='color:{colour}'>●</span> {state}")
        self._area.setEnabled(ready)

    def _build(self, commands: tuple[CommandInfo, ...]) -> None:
        """Make everything that the service offers."""
        self._built, self._shown = commands, None
        limits = self._limits or {}
        form = self.form = service_form(commands, self.state, limits)
        infos = (*form.actions, *form.reads, *form.others)
        self.commands = {info.name: CommandForm(info, limits, self._ask) for info in infos}
        self.controls = ValueForm({c.key: c.field for c in form.controls}, self._set_value)
        known = self.session.setting_statuses(self.service) or ()
        self.settings = SettingsForm(self.session, self.service, known)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, GAP, GAP)
        column.setSpacing(6)
        if form.halts:
            column.addWidget(self._halts(form.halts))
        if form.controls:
            column.addWidget(_section("Values", [self.controls]))
        state = readings(self.state, form)
        if state:
            column.addWidget(_section("State", [self._readings(state)], is_open=len(state) <= _FEW))
        for title, group, is_open in (("Commands", form.actions, True), ("Ask", form.reads, False)):
            if group:
                column.addWidget(_section(title, self._command_forms(group), is_open=is_open))
        if known:
            column.addWidget(_section("Settings", [self.settings], is_open=not form.actions))
        if form.others:
            column.addWidget(_section("Others", self._command_forms(form.others), is_open=False))
        column.addStretch(1)
        self._area.setWidget(body)
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self.focus_on(wanted[0], run=wanted[1])

    def _halts(self, infos: tuple[CommandInfo, ...]) -> QWidget:
        whole = QWidget()
        row = QFlowLayout(whole)
        row.setContentsMargins(0, 2, 0, 2)
        for info in infos:
            button = QPushButton(command_label(info.name))
            button.setObjectName("stop")
            button.setToolTip(info.doc)
            button.clicked.connect(lambda _=False, name=info.name: self.line.follow(self._ask(name, {})))
            row.addWidget(button)
        return whole

    def _command_forms(self, infos: tuple[CommandInfo, ...]) -> list[QWidget]:
        """Return the forms of commands: those that take nothing beside one another, above the others."""
        forms = [self.commands[info.name] for info in infos]
        short = [form for form in forms if not form.editors]
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GAP)
        for number, form in enumerate(short):
            row, column = divmod(number, _IN_A_ROW)
            grid.addWidget(form, row, column, Qt.AlignmentFlag.AlignTop)
        for column in range(_IN_A_ROW):
            grid.setColumnStretch(column, 1)
        return [*([rows] if short else []), *(form for form in forms if form.editors)]

    def _readings(self, state: dict[str, Any]) -> QWidget:
        whole = QWidget()
        grid = QGridLayout(whole)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, 96)
        self._labels = {}
        for row, (key, value) in enumerate(state.items()):
            label = QLabel(label_of(key))
            label.setObjectName("faint")
            label.setToolTip(key)
            shown = self._labels[key] = QLabel(_reading(key, value))
            shown.setWordWrap(True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(shown, row, 1)
        return whole

    def _unfold(self, widget: QWidget) -> None:
        parent = widget.parentWidget()
        while parent is not None and parent is not self:
            if isinstance(parent, PanelSection):
                parent.head.setChecked(True)
            parent = parent.parentWidget()

    def _lay_out(self) -> None:
        self.name.setObjectName("heading")
        self.silent.setObjectName("alarm")
        self.silent.setWordWrap(True)
        more = QToolButton()
        more.setText("…")
        more.setAutoRaise(True)
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        for word, text in (
            ("restart", "Restart this service"),
            ("end", "End this service until it is restarted"),
        ):
            action = menu.addAction(text)
            action.triggered.connect(
                lambda _=False, word=word: self.line.follow(
                    self.session.ask("rig", word, service=self.service)
                )
            )
        more.setMenu(menu)
        head = QHBoxLayout()
        head.addWidget(self.name)
        head.addWidget(self.chip)
        head.addStretch(1)
        head.addWidget(more)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, 2, 2)
        column.setSpacing(6)
        column.addLayout(head)
        for part in (self.silent, self.line):
            column.addWidget(part)
        column.addWidget(self._area, 1)


def _section(title: str, parts: list[QWidget], *, is_open: bool = True) -> PanelSection:
    section = PanelSection(title, is_open=is_open)
    for part in parts:
        section.rows.addWidget(part)
    return section


def _reading(key: str, value: Any) -> str:
    unit = unit_text(key)
    return f"{value_text(value)} {unit}" if unit and value is not None else value_text(value)
