"""A stage that moves to its home whenever it is opened, as many do."""

from __future__ import annotations

from parfocal.devices.simulated.motors import SimulatedStage


class HomingStage(SimulatedStage):
    """A simulated stage that stands at 0 along all axes once it is open."""

    def open(self) -> None:
        """Join the world, and go home."""
        super().open()
        self.move_to(dict.fromkeys(self._axes, 0.0))
