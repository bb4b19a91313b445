"""The table of panels, in the order of the menu and of a layout that nobody has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.status import AddedPanel
from parfocal.processes.loading import load_object, plugins
from parfocal.rig.panel_config import GROUP_OF

if TYPE_CHECKING:
    from parfocal.app.desktop.panel import Panel

PANELS = {
    "live": "parfocal.app.desktop.live_panel:LivePanel",
    "traces": "parfocal.app.desktop.traces_panel:TracesPanel",
    "beads": "parfocal.app.desktop.beads_panel:BeadsPanel",
    "tables": "parfocal.app.desktop.tables_panel:TablesPanel",
    "force": "parfocal.app.desktop.force_panel:ForcePanel",
    "extension": "parfocal.app.desktop.extension_panel:ExtensionPanel",
    "recording": "parfocal.app.desktop.recording_panel:RecordingPanel",
    "motors": "parfocal.app.desktop.motors_panel:MotorsPanel",
    "camera": "parfocal.app.desktop.camera_panel:CameraPanel",
    "profile": "parfocal.app.desktop.profile_panel:ProfilePanel",
    "instruments": "parfocal.app.desktop.instruments_panel:InstrumentsPanel",
    "runs": "parfocal.app.desktop.runs_panel:RunsPanel",
    "plan": "parfocal.app.desktop.plan_editor.plan_panel:PlanPanel",
    "scripts": "parfocal.app.desktop.script_editor.scripts_panel:ScriptsPanel",
    "status": "parfocal.app.desktop.status_panel:StatusPanel",
    "log": "parfocal.app.desktop.log_panel:LogPanel",
    "viewers": "parfocal.app.desktop.viewers_panel:ViewersPanel",
}
"""Where the class of each panel is, by the name that layouts know it by."""


def panel_classes() -> dict[str, type[Panel]]:
    """Return the classes of our panels by their names."""
    return {name: load_object(address, f"panel {name!r}") for name, address in PANELS.items()}


def packaged_panels() -> dict[str, AddedPanel]:
    """Return what installed packages have of panels and time plots, by the names of their docks.

    Nothing of theirs is imported: `PanelLoader` does that. One that cannot be had is left out then, which the
    log tells, and `parfocal doctor`.
    """
    return {
        name if kind == "panel" else f"plot {name}": AddedPanel(kind=kind, name=name, address=plugin.address)
        for kind, group in GROUP_OF.items()
        for name, plugin in plugins(group).items()
    }
