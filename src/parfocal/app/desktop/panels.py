"""The table of panels, in the order of the menu and of a layout that nobody has changed."""

from __future__ import annotations

from parfocal.app.desktop.panel import Panel
from parfocal.processes.loading import load_object

PANELS = {
    "instruments": "parfocal.app.desktop.instruments_panel:InstrumentsPanel",
    "runs": "parfocal.app.desktop.runs_panel:RunsPanel",
    "status": "parfocal.app.desktop.status_panel:StatusPanel",
    "log": "parfocal.app.desktop.log_panel:LogPanel",
}
"""Where the class of each panel is, by the name that layouts know it by."""


def panel_classes() -> dict[str, type[Panel]]:
    """Return the classes of all panels by their names."""
    return {name: load_object(address, f"panel {name!r}") for name, address in PANELS.items()}
