"""Rigs and their streams in a list: a tick makes a live layer of a stream, and ends it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from parfocal.app.napari_plugin.live_layer import LiveLayer
from parfocal.core.errors import ParfocalError
from parfocal.processes import directory
from parfocal.rig.all_snapshots import AllSnapshots
from parfocal.rig.snapshots import GONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.rig.snapshots import RigSnapshot

TURN_MS = 50
_LIST_EVERY = 5
_HELP = "Tick a stream: it becomes a layer that shows its newest frame."
_NOTHING = "No rig is running. Start one with `parfocal up`."

StreamName = tuple[str, str]
"""Which stream of which rig."""


class StreamsList(QWidget):
    """Lists rigs and streams, and keeps a live layer of each that is ticked. For the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
        Gets the layers.
    snapshots : AllSnapshots, optional
        Shared by several docks, and closed by whoever made it; without it this has its own.
    """

    def __init__(self, viewer: Any, snapshots: AllSnapshots | None = None) -> None:
        super().__init__()
        self._viewer = viewer
        self._owned = AllSnapshots() if snapshots is None else None
        self._snapshots = snapshots or self._owned
        self._layers: dict[StreamName, LiveLayer] = {}
        self._items: dict[StreamName, QTreeWidgetItem] = {}
        self._turns = 0
        self.note = QLabel(_NOTHING)
        self.note.setWordWrap(True)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["stream", "now"])
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.itemChanged.connect(self._ticked)
        column = QVBoxLayout(self)
        column.addWidget(self.note)
        column.addWidget(self.tree, 1)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.turn)
        self._timer.start(TURN_MS)
        self.destroyed.connect(partial(_let_go, self._layers, self._owned))

    def turn(self) -> None:
        """Show what is new of each followed stream, and now and then which streams there are."""
        for name in [name for name, layer in self._layers.items() if not layer.turn()]:
            self._leave(name)
        if self._turns % _LIST_EVERY == 0:
            assert self._snapshots is not None
            self._list(self._snapshots.latest())
        self._turns += 1

    def follow(self, rig: str, stream: str) -> None:
        """Make a live layer of a stream, unless there is one."""
        if (rig, stream) not in self._layers:
            folder = Path(directory.rig_record(rig).streams)
            self._layers[rig, stream] = LiveLayer(self._viewer, folder, rig, stream)

    def close_streams(self) -> None:
        """Leave all streams and rigs; layers stay with their last images. Idempotent."""
        self._timer.stop()
        _let_go(self._layers, self._owned)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Leave all when it is closed."""
        self.close_streams()
        super().closeEvent(event)

    def _list(self, rigs: Mapping[str, RigSnapshot]) -> None:
        """Have a row for each rig, and below it one for each of its streams of frames."""
        running = {name: snapshot for name, snapshot in rigs.items() if snapshot.rig.state != GONE}
        self.note.setText(_HELP if running else _NOTHING)
        wanted = {
            (rig, stream)
            for rig, snapshot in running.items()
            for stream, status in snapshot.rig.streams.items()
            if status.kind == "frames"
        } | set(self._layers)
        self.tree.blockSignals(True)
        for name in set(self._items) - wanted:
            self._remove(name)
        for name in sorted(wanted - set(self._items)):
            self._items[name] = self._add(name)
        for (rig, stream), item in self._items.items():
            followed = self._layers.get((rig, stream))
            item.setCheckState(0, Qt.CheckState.Checked if followed else Qt.CheckState.Unchecked)
            item.setText(1, followed.text() if followed else _state(running.get(rig), stream))
        self.tree.blockSignals(False)

    def _add(self, name: StreamName) -> QTreeWidgetItem:
        rig, stream = name
        found = self.tree.findItems(rig, Qt.MatchFlag.MatchExactly)
        parent = found[0] if found else QTreeWidgetItem(self.tree, [rig, "rig"])
        parent.setExpanded(True)
        item = QTreeWidgetItem(parent, [stream, ""])
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setData(0, Qt.ItemDataRole.UserRole, name)
        return item

    def _remove(self, name: StreamName) -> None:
        """Take a row away, and that of its rig with the last one."""
        item = self._items.pop(name)
        parent = item.parent()
        assert parent is not None
        parent.removeChild(item)
        if not parent.childCount():
            self.tree.takeTopLevelItem(self.tree.indexOfTopLevelItem(parent))

    def _ticked(self, item: QTreeWidgetItem) -> None:
        name = item.data(0, Qt.ItemDataRole.UserRole)
        if name is None:
            return
        rig, stream = name
        if item.checkState(0) != Qt.CheckState.Checked:
            self._leave((rig, stream))
            return
        try:
            self.follow(rig, stream)
        except ParfocalError as error:  # the rig has ended since it was listed
            self.note.setText(str(error))

    def _leave(self, name: StreamName) -> None:
        layer = self._layers.pop(name, None)
        if layer is not None:
            layer.close()


def _let_go(layers: dict[StreamName, LiveLayer], snapshots: AllSnapshots | None) -> None:
    """Leave streams and rigs; also called when the widget is there no more."""
    while layers:
        layers.popitem()[1].close()
    if snapshots is not None:
        snapshots.close()


def _state(snapshot: RigSnapshot | None, stream: str) -> str:
    """Return how a stream is that nobody follows here."""
    status = None if snapshot is None else snapshot.rig.streams.get(stream)
    if status is None:
        return "gone"
    return f"{status.produced} frames" if status.writer_pid else f"{status.produced} frames, no writer"
