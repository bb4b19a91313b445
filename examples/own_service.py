"""An instrument of your own in 30 lines: any class with typed methods becomes a service.

Run it: ``python examples/own_service.py``
"""

import parfocal
from parfocal.ipc import command, current_call
from parfocal.processes import Service


class Heater(Service):
    """A heater that takes its time; nothing that it does delays a question."""

    target_c = 20.0
    now_c = 20.0

    @command(effect="reads")
    def temperature_c(self) -> float:
        """Return the temperature now."""
        return self.now_c

    @command(lane="heating", effect="changes")
    def heat_to(self, target_c: float, *, step_c: float = 0.5) -> float:
        """Heat until `target_c`; can be watched and cancelled."""
        call = current_call()
        start_c = self.now_c
        while self.now_c < target_c:
            call.wait(0.01)  # wakes at once when the call is cancelled
            self.now_c += step_c
            call.progress((self.now_c - start_c) / (target_c - start_c), f"{self.now_c:.1f} C")
        return self.now_c

    def make_safe(self) -> None:
        """Switch the heater off: called on every way out."""
        self.target_c = 20.0


if __name__ == "__main__":
    laboratory = {"name": "warm", "services": {"heater": {"kind": "own_service:Heater"}}}
    with parfocal.open_rig(laboratory) as rig:
        heater = rig["heater"]
        heating = heater.submit("heat_to", target_c=37.0)
        heating.on_progress(lambda progress: print(f"{progress.fraction:4.0%}  {progress.text}"))
        print("asked while it heats:", heater.temperature_c())
        print("done:", heating.result(timeout_s=30))
