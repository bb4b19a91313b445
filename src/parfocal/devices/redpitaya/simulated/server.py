"""The simulated Red Pitaya as a device on the network: a board, its servers, and a thread for its time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.devices.redpitaya.simulated.board import SimulatedBoard
from parfocal.devices.redpitaya.simulated.faults import Fault
from parfocal.devices.redpitaya.simulated.monitor import MonitorServer
from parfocal.devices.redpitaya.simulated.scpi.server import ScpiServer

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.simulated.plant import Plant

_CATCH_UP_S = 0.1


class SimulatedRedPitaya:
    """A board that others reach over TCP.

    Parameters
    ----------
    host : str
        Where to listen.
    port, scpi_port : int or None
        Of monitor_server and of the SCPI server: 0 takes a free one, None leaves that server out.
    latency_s : float
        What each transaction of monitor_server takes on top.
    exits : bool
        Whether monitor_server ends with its first connection, as the real one does.
    in1, in2, seed, clock
        As of `SimulatedBoard`.

    Attributes
    ----------
    port, scpi_port : int
        Where its servers listen; 0 for one that was left out.

    Examples
    --------
    >>> from parfocal.devices.redpitaya.link import TcpLink
    >>> with SimulatedRedPitaya() as device:
    ...     link = TcpLink("127.0.0.1", device.port)
    ...     print(link.read(0x40000000, 1))
    ...     link.close()
    [1]
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int | None = 0,
        scpi_port: int | None = None,
        latency_s: float = 0.0,
        exits: bool = False,
        in1: Plant | None = None,
        in2: Plant | None = None,
        seed: int = 0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.board = SimulatedBoard(in1=in1, in2=in2, seed=seed, clock=clock)
        self.monitor: MonitorServer | None = None
        self.scpi: ScpiServer | None = None
        if port is not None:
            self.monitor = MonitorServer(self.board, host=host, port=port, latency_s=latency_s, exits=exits)
        if scpi_port is not None:
            self.scpi = ScpiServer(self.board, host=host, port=scpi_port, clock=clock)
        self.port = self.monitor.port if self.monitor else 0
        self.scpi_port = self.scpi.port if self.scpi else 0
        self._servers = [server for server in (self.monitor, self.scpi) if server is not None]
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_up, name="simulated-board", daemon=True)

    def start(self) -> None:
        """Begin to serve, in threads; the physics is compiled first, so that no client waits for it."""
        self.board.warm_up()
        self._keeper.start()
        for server in self._servers:
            server.start()

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Let a fault happen to monitor_server; see `parfocal.devices.redpitaya.simulated.faults`."""
        if self.monitor is not None:
            self.monitor.faults.add(Fault(kind=kind, **details))

    def close(self) -> None:
        """Stop serving and wait for the threads. Idempotent."""
        self._closing.set()
        for server in self._servers:
            server.close()
        if self._keeper.is_alive():
            self._keeper.join()

    def __enter__(self) -> SimulatedRedPitaya:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep_up(self) -> None:
        while not SYSTEM_CLOCK.wait(self._closing, _CATCH_UP_S):
            self.board.catch_up()
