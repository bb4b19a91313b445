"""The table of panels, in the order of the menu and of a layout that nobody has changed."""

from __future__ import annotations

import logging

from parfocal.app.desktop.panel import Panel
from parfocal.core.errors import ConfigError
from parfocal.processes import loading
from parfocal.processes.loading import load_object, plugins

_log = logging.getLogger(__name__)

PANELS = {
    "live": "parfocal.app.desktop.live_panel:LivePanel",
    "traces": "parfocal.app.desktop.traces_panel:TracesPanel",
    "beads": "parfocal.app.desktop.beads_panel:BeadsPanel",
    "recording": "parfocal.app.desktop.recording_panel:RecordingPanel",
    "motors": "parfocal.app.desktop.motors_panel:MotorsPanel",
    "profile": "parfocal.app.desktop.profile_panel:ProfilePanel",
    "instruments": "parfocal.app.desktop.instruments_panel:InstrumentsPanel",
    "runs": "parfocal.app.desktop.runs_panel:RunsPanel",
    "status": "parfocal.app.desktop.status_panel:StatusPanel",
    "log": "parfocal.app.desktop.log_panel:LogPanel",
}
"""Where the class of each panel is, by the name that layouts know it by."""


def panel_classes() -> dict[str, type[Panel]]:
    """Return the classes of all panels by their names: ours, then those of installed packages.

    One of another package that cannot be imported is left out, which the log tells, and `parfocal doctor`.
    """
    found = {name: load_object(address, f"panel {name!r}") for name, address in PANELS.items()}
    for name, plugin in plugins(loading.PANELS).items():
        try:
            found.setdefault(name, load_object(plugin.address, f"panel {name!r} of {plugin.package}"))
        except ConfigError as error:
            _log.warning("%s", error)
    return found
