"""The form of a plan: its parts as tabs, the form of the one that is seen, and the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from parfocal.app.desktop.plan_editor.interlock_section import InterlockSection
from parfocal.app.desktop.plan_editor.part_forms import LINE_FORMS, LineForm, YamlForm
from parfocal.app.desktop.plan_editor.part_tabs import PartTabs
from parfocal.app.desktop.plan_editor.pipeline_row import PipelineRow
from parfocal.app.desktop.plan_editor.plan_draft import PlanDraft, form_of
from parfocal.app.desktop.plan_editor.sequence_form import SequenceForm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parfocal.app.desktop.background import BackgroundWork
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart
    from parfocal.app.desktop.plan_editor.stage_place import StagePlace
    from parfocal.viewers.qt.theme import Theme


class _PartForm(Protocol):
    """What edits a part."""

    def show_part(self, part: PlanPart) -> None: ...

    def part(self) -> PlanPart: ...

    def show_fault(self, message: str) -> bool: ...


class PlanForm(QWidget):
    """Edits a draft; its tabs are a widget for a place above it.

    Parameters
    ----------
    place : StagePlace
        Where the stages stand.
    work : BackgroundWork
        Reads files.
    theme : Theme
        Its colours.

    Attributes
    ----------
    draft : PlanDraft
        What is edited, as it is now.

    Signals
    -------
    edited
        A person has changed it.
    """

    edited = Signal()

    def __init__(self, place: StagePlace, work: BackgroundWork, theme: Theme) -> None:
        super().__init__()
        self.draft = PlanDraft()
        self.tabs, self.pages, self.pipeline = PartTabs(theme), QStackedWidget(), PipelineRow()
        self.interlocks = InterlockSection()
        self.sequence = SequenceForm(place, work, theme)
        self.fault = QLabel()
        self._forms: dict[str, _PartForm] = {"sequence": self.sequence, "": YamlForm()}
        self._forms |= {kind: LineForm(kind) for kind in LINE_FORMS}
        self._faults: dict[int, str] = {}
        self._current = 0
        self._lay_out()
        self.show_draft(self.draft)

    @property
    def current(self) -> int:
        """Number of the part that is seen."""
        return self._current

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.tabs.set_theme(theme)
        self.sequence.set_theme(theme)

    def set_rig(self, presets: Sequence[str], *, has_modulator: bool) -> None:
        """Offer what the rig has."""
        self.sequence.set_names(presets)
        self.sequence.channels.setVisible(
            bool(presets) or any("channels" in part for part in self.draft.parts)
        )
        self.sequence.stimuli.setVisible(
            bool(presets) or any("stim_channels" in part for part in self.draft.parts)
        )
        self.pipeline.setVisible(has_modulator or self.draft.pipeline is not None)

    def refresh(self) -> None:
        """Offer what can be done now."""
        self.sequence.refresh()

    def show_draft(self, draft: PlanDraft, current: int = 0) -> None:
        """Edit another draft."""
        self.draft, self._faults = draft, {}
        self.pipeline.show_pipeline(draft.pipeline, draft.stim_mode)
        self.interlocks.show_part({"interlocks": draft.interlocks})
        self.interlocks.show_summary()
        self._show(min(current, len(draft.parts) - 1))

    def show_faults(self, faults: Mapping[int, str], pipeline: str = "", interlocks: str = "") -> None:
        """Tell what is wrong, by part (-1: with the whole), with the pipeline and the interlocks."""
        self._faults = dict(faults)
        self.pipeline.show_fault(pipeline)
        self.interlocks.show_fault(None, interlocks)
        self._show_faults()

    def _show(self, current: int) -> None:
        """Show a part."""
        self._current = current
        part = self.draft.parts[current]
        form = self._forms.get(form_of(part), self._forms[""])
        form.show_part(part)
        assert isinstance(form, QWidget)
        self.pages.setCurrentWidget(form)
        self._show_faults()

    @property
    def _form(self) -> _PartForm:
        """The form that is seen; it stays while a person writes in it."""
        return cast("_PartForm", self.pages.currentWidget())

    def _show_faults(self) -> None:
        wrong = frozenset(self._faults) - {-1}
        self.tabs.show_parts(self.draft.parts, self._current, wrong)
        here = self._faults.get(self._current, "")
        told = [] if self._form.show_fault(here) or not here else [here]
        told += [self._faults[-1]] if -1 in self._faults else []
        self.fault.setText("\n".join(told))
        self.fault.setVisible(bool(told))

    def _take(self) -> None:
        """Take what a person has changed in the part that is seen."""
        self._change(self.draft.with_part(self._current, self._form.part()))

    def _take_whole(self) -> None:
        """Take what a person has changed of the whole plan."""
        self.interlocks.show_summary()
        changed = {
            "pipeline": self.pipeline.pipeline,
            "stim_mode": self.pipeline.stim_mode,
            **self.interlocks.fields(),
        }
        self._change(msgspec.structs.replace(self.draft, **changed))

    def _change(self, draft: PlanDraft, current: int | None = None) -> None:
        self.draft = draft
        if current is None:
            self._show_faults()
        else:
            self._faults = {}
            self._show(current)
        self.edited.emit()

    def _add(self, part: PlanPart) -> None:
        """Add a part after the one that is seen; images begin as the last ones were."""
        parts = list(self.draft.parts)
        alike = [each for each in parts if each.get("type", "sequence") == part["type"] == "sequence"]
        parts.insert(self._current + 1, dict(alike[-1]) if alike else part)
        self._change(self._with(parts), self._current + 1)

    def _remove(self, number: int) -> None:
        parts = [part for place, part in enumerate(self.draft.parts) if place != number]
        if parts:
            self._change(self._with(parts), min(self._current, len(parts) - 1))

    def _move(self, begin: int, end: int) -> None:
        parts = list(self.draft.parts)
        parts.insert(end, parts.pop(begin))
        self._change(self._with(parts), end)

    def _with(self, parts: list[PlanPart]) -> PlanDraft:
        return msgspec.structs.replace(self.draft, parts=tuple(parts))

    def _lay_out(self) -> None:
        for form in self._forms.values():
            assert isinstance(form, SequenceForm | LineForm | YamlForm)
            form.edited.connect(self._take)
            self.pages.addWidget(form)
        self.tabs.chosen.connect(self._show)
        self.tabs.added.connect(self._add)
        self.tabs.removed.connect(self._remove)
        self.tabs.moved.connect(self._move)
        for whole in (self.pipeline, self.interlocks):
            whole.edited.connect(self._take_whole)
        self.fault.setObjectName("alarm")
        self.fault.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.pipeline, self.fault):
            column.addWidget(widget)
        column.addWidget(self.pages, 1)
        column.addWidget(self.interlocks)
