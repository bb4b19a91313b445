"""A panel of the desktop: what the pump does, an infusion by two numbers, and a stop."""

from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QPushButton, QWidget

from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_poll import ServicePoll


class PumpPanel(Panel):
    """Shows the pump, and steers it. Nothing here waits: what is asked for is told by its line."""

    title = "Pump"
    icon = "fa6s.droplet"

    def __init__(self, session):
        super().__init__(session)
        self.state = ServicePoll(session, "pump", "state", every_s=0.2)
        self.told, self.line = QLabel(), RequestLine()
        self.volume, self.rate = QDoubleSpinBox(), QDoubleSpinBox()
        self.infuse, self.stop = QPushButton("Infuse"), QPushButton("Stop")
        self._widget = self._lay_out()

    @classmethod
    def fits(cls, snapshot):
        """Whether the rig has a pump."""
        return "pump" in snapshot.rig.services

    def widget(self):
        """Return its widget."""
        return self._widget

    def refresh(self):
        """Show what the pump tells."""
        self.state.refresh()
        self.line.refresh()
        state = self.state.value
        if state is not None:
            self.told.setText(f"{state['pumped_ul']:.1f} µl pumped, {state['rate_ul_per_min']:.0f} µl/min")
        if self.state.silence:
            self.told.setText(self.state.silence)

    def _infuse(self):
        asked = self.session.ask(
            "pump", "infuse", volume_ul=self.volume.value(), rate_ul_per_min=self.rate.value()
        )
        self.line.follow(asked)

    def _lay_out(self):
        for field, unit, value in ((self.volume, " µl", 20.0), (self.rate, " µl/min", 100.0)):
            field.setRange(0.0, 1e6)  # the pump knows its limits, and says what it refuses
            field.setSuffix(unit)
            field.setValue(value)
        self.infuse.clicked.connect(self._infuse)
        self.stop.clicked.connect(lambda: self.session.ask("pump", "stop"))
        whole = QWidget()
        form = QFormLayout(whole)
        form.addRow(self.told)
        form.addRow("volume", self.volume)
        form.addRow("rate", self.rate)
        form.addRow(self.infuse, self.stop)
        form.addRow(self.line)
        return whole
