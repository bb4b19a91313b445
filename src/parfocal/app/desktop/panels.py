"""The table of panels, in the order of the menu and of a layout that nobody has changed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from parfocal.app.desktop.panel_loading import panel_class
from parfocal.core.errors import ConfigError
from parfocal.processes.loading import load_object, plugins
from parfocal.rig.panel_config import GROUP_OF

if TYPE_CHECKING:
    from parfocal.app.desktop.panel import Panel

_log = logging.getLogger(__name__)

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
    """Return the classes of all panels by their names: ours, those of installed packages, their plots.

    One of another package that cannot be had is left out, which the log tells, and `parfocal doctor`.
    """
    found = {name: load_object(address, f"panel {name!r}") for name, address in PANELS.items()}
    for kind, group in GROUP_OF.items():
        for name, plugin in plugins(group).items():
            try:
                loaded = load_object(plugin.address, f"{kind} {name!r} of {plugin.package}")
                found.setdefault(name if kind == "panel" else f"plot {name}", panel_class(loaded, kind))
            except ConfigError as error:
                _log.warning("%s", error)
    return found
