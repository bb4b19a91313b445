"""A lock with a PID while a second program scans with IQ and a third looks at the scope: one board.

Run it: ``python examples/shared_red_pitaya.py``. It needs no hardware: the board is simulated, behind the
same wire as a real one; give ``tcp://your-board:2222`` to `share` for that.
"""

import threading

import parfocal
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya


def lock() -> None:
    """Hold in2 at 0.2 V, whatever disturbs it; the lease switches the output off when this program ends."""
    with parfocal.attach("redpitaya") as rig:
        board = rig["board"]
        held = board.submit("output_lease", module="pid0")
        board.pid_configure(pid="pid0", input="in2", output="out2", setpoint_v=0.2, i_hz=-2e3)
        readings = [board.sampler_read(signal="in2", readings=50) for _ in range(20)]
        print(f"locked: in2 is at {readings[-1]:.3f} V")
        held.cancel("the lock is no longer needed")


def scan() -> None:
    """Find the transfer function from out1 to in1, point by point."""
    with parfocal.attach("redpitaya") as rig:
        board = rig["board"]
        board.iq_setup(iq="iq0", frequency_hz=1e4, amplitude_v=0.2, output="out1", input="in1")
        sweep = board.submit("iq_sweep", frequencies_hz=[1e4, 2e4, 4e4], settling_s=1e-3)
        sweep.on_progress(lambda progress: print(f"scan: {progress.fraction:4.0%}  {progress.text}"))
        curve = sweep.result(timeout_s=30)
        for frequency_hz, transfer in zip(curve.frequency_hz, curve.transfer, strict=True):
            print(f"scan: {frequency_hz:8.0f} Hz  gain {abs(transfer):.3f}")


def look() -> None:
    """Take traces while the others work, and hear what they change."""
    with parfocal.attach("redpitaya") as rig:
        rig.subscribe(
            lambda notice: print(f"heard: {notice.topic} {sorted(notice.payload)}"), topics=("pid0",)
        )
        board = rig["board"]
        for _ in range(3):
            trace = board.scope_acquire(input="in1", decimation=64)
            print(f"trace {trace.sequence} at {trace.triggered_at_s:.3f} s: {trace.volts.std():.3f} V rms")


def share(address: str) -> None:
    """Own the board, and let three programs (here threads: it makes no difference) use it at once."""
    with parfocal.open_rig("redpitaya", changes={"board.address": address}):
        programs = [threading.Thread(target=program) for program in (lock, scan, look)]
        for program in programs:
            program.start()
        for program in programs:
            program.join()


if __name__ == "__main__":
    first = Plant(gain=0.5, corner_hz=2e4)
    second = Plant(source="out2", corner_hz=2e4, disturbance_v=0.05, disturbance_hz=10.0)
    with SimulatedRedPitaya(in1=first, in2=second) as device:
        share(f"tcp://127.0.0.1:{device.port}")
