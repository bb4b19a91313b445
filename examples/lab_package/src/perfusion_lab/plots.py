"""Time plots of the desktop: what is drawn of rows."""

from parfocal.app.desktop.time_plot import TimePlot


class TemperaturePlot(TimePlot):
    """The temperature over the last minute."""

    title = "temperature"
    unit = "°C"
    streams = ("thermometer",)
    seconds = 60.0

    def points(self, rows):
        """Return times and temperatures of new rows."""
        return rows["time_ns"], rows["temperature_c"]
