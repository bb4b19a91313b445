"""Settings of a board's host, and the name under which a board is locked."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from parfocal.core.errors import ConfigError
from parfocal.devices.redpitaya.link import DEFAULT_PORT, TcpLink
from parfocal.devices.redpitaya.ssh import BoardShell, SshConfig
from parfocal.devices.redpitaya.trace import Calibration


class InputCalibration(BaseModel):
    """What an input's counts mean: ``volts = counts / 8192 * gain + offset_v``; 20 for jumpers on HV.

    All volts of that input are meant so: of traces, thresholds, the sampler, setpoints and IQ measurements.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gain: float = 1.0
    offset_v: float = 0.0

    @model_validator(mode="after")
    def _is_usable(self) -> InputCalibration:
        self.calibration()
        return self

    def calibration(self) -> Calibration:
        """Return it as a board takes it; raise `BadInputError` if it is unusable."""
        return Calibration(self.gain, self.offset_v)


class RedPitayaConfig(BaseModel):
    """Settings of a host.

    Parameters
    ----------
    address : str
        Where monitor_server listens: ``tcp://host:port``.
    timeout_s : float
        Longest silence within a transaction.
    in1, in2 : InputCalibration
        Of the inputs.
    slots : int
        How many traces the stream's ring holds.
    ssh : SshConfig, optional
        Start the server over SSH.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = f"tcp://127.0.0.1:{DEFAULT_PORT}"
    timeout_s: Annotated[float, Field(gt=0)] = 1.0
    in1: InputCalibration = InputCalibration()
    in2: InputCalibration = InputCalibration()
    slots: Annotated[int, Field(ge=2)] = 32
    ssh: SshConfig | None = None

    @field_validator("address")
    @classmethod
    def _address_reads(cls, address: str) -> str:
        split_address(address)
        return address


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``tcp://host:port``.

    Examples
    --------
    >>> split_address("tcp://RP-f00000.local")
    ('rp-f00000.local', 2222)
    """
    parts = urlsplit(address)
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError as error:
        raise ConfigError(f"address {address!r}: its port is no number from 1 to 65535") from error
    if parts.scheme != "tcp" or not parts.hostname or parts.path:
        raise ConfigError(f"address {address!r} must read tcp://host:port, such as tcp://192.168.1.100:2222")
    return parts.hostname, port


def board_name(address: str) -> str:
    """Return the one name of the board at an address, however the address is written.

    Examples
    --------
    >>> board_name("tcp://localhost"), board_name("tcp://127.0.0.1:2222")
    ('redpitaya:127.0.0.1:2222', 'redpitaya:127.0.0.1:2222')
    """
    host, port = split_address(address)
    try:
        found = socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return f"redpitaya:{host}:{port}"  # `open` says that it cannot be reached
    return f"redpitaya:{found[0][4][0]}:{port}"


def open_link(settings: RedPitayaConfig, closing: ExitStack) -> TcpLink:
    """Connect to the board, starting its server if that was asked for; `closing` lets go of both."""
    host, port = split_address(settings.address)
    revive = None
    if settings.ssh is not None:
        shell = BoardShell(host, settings.ssh, server_port=port)
        closing.callback(shell.close)
        revive = shell.start_server
    link = TcpLink(host, port, timeout_s=settings.timeout_s, revive=revive)
    closing.callback(link.close)
    return link
