"""``parfocal sim``: instruments without hardware, as programs of their own."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from parfocal.cli.output import console, print_json
from parfocal.core.errors import BadInputError
from parfocal.core.text_values import named_fields

if TYPE_CHECKING:
    from types import FrameType

    from parfocal.devices.redpitaya.simulated.faults import Fault
    from parfocal.devices.redpitaya.simulated.plant import Plant
    from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya


def redpitaya(
    *,
    port: int = 2222,
    scpi_port: int | None = None,
    latency_ms: float = 0.0,
    fault: list[str] | None = None,
    in1: str = "",
    in2: str = "source=out2",
    seed: int = 0,
    json: bool = False,
) -> int:
    """Run a simulated Red Pitaya until Ctrl-C: programs made for the real one take it for one.

    Its outputs come back to its inputs: out1 to in1 and out2 to in2, through plants that can be chosen.

    Parameters
    ----------
    port
        Of monitor_server; 0 takes a free one.
    scpi_port
        Of the SCPI server (5000 on the board); none without it, 0 takes a free one.
    latency_ms
        What each transaction takes on top.
    fault
        Something that goes wrong: drop, lose, delay, wrong_echo, crumbs, half_frame, refuse or die, with
        after=, count=, letter= and delay_s=; may be given several times.
    in1
        The plant before in1: source=, gain=, delay_s=, corner_hz=, offset_v=, noise_v=, ...
    in2
        The plant before in2.
    seed
        The same seed makes the same noise.
    json
        When ready, print the addresses as one JSON line.

    Examples
    --------
    parfocal sim redpitaya --port 2222

    parfocal sim redpitaya --scpi-port 5000 --latency-ms 0.2 --in1 gain=0.5,corner_hz=1e4

    parfocal sim redpitaya --fault drop,after=100 --fault delay,delay_s=0.2,count=-1
    """
    from parfocal.devices.redpitaya.simulated.faults import Fault
    from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya

    faults = [Fault.parse(text) for text in fault or []]
    _check(port, scpi_port, latency_ms)
    device = SimulatedRedPitaya(
        port=port,
        scpi_port=scpi_port,
        latency_s=latency_ms * 1e-3,
        in1=plant(in1),
        in2=plant(in2),
        seed=seed,
    )
    with device:
        return _serve(device, faults, json)


def plant(text: str) -> Plant:
    """Return the plant that a line such as ``gain=0.5,corner_hz=1e4`` describes.

    Examples
    --------
    >>> plant("gain=0.5,delay_s=1e-6").gain
    0.5
    """
    from parfocal.devices.redpitaya.simulated.plant import Plant

    return named_fields(text.split(",") if text else [], Plant, f"plant {text!r}")


def _serve(device: SimulatedRedPitaya, faults: list[Fault], json: bool) -> int:
    """Serve, with faults, until a signal ends it; return the exit code, 1 if the fault "die" ended it."""
    for fault in faults:
        device.inject_fault(**asdict(fault))
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    _report(device, json)
    while not ended.wait(0.2):
        if device.monitor is not None and device.monitor.ended.is_set():
            return 1
    return 0


def _check(port: int, scpi_port: int | None, latency_ms: float) -> None:
    for number in (port, scpi_port or 0):
        if not 0 <= number < 65536:
            raise BadInputError(f"port {number} is not in 0 to 65535; 0 takes a free one")
    if latency_ms < 0:
        raise BadInputError(f"latency_ms = {latency_ms} ms is negative")


def _report(device: SimulatedRedPitaya, json: bool) -> None:
    address = f"tcp://127.0.0.1:{device.port}"
    if json:
        print_json({"address": address, "scpi_port": device.scpi_port, "pid": os.getpid()})
        return
    console().print(f"a simulated Red Pitaya listens at {address}")
    if device.scpi is not None:
        console().print(f"its SCPI server listens at port {device.scpi_port}")
    console().print(f"share it with `parfocal up redpitaya --set board.address={address}`")
