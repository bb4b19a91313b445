"""Starts monitor_server on a board over SSH, where nobody else does. Needs the extra ``redpitaya``."""

from __future__ import annotations

import contextlib
import importlib
import shlex
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.clock import poll_until
from parfocal.core.errors import ConfigError, DeviceError
from parfocal.devices.redpitaya.link import DEFAULT_PORT
from parfocal.processes.settings import Secret

_SETTLE_S = 0.5


class SshConfig(BaseModel):
    """How to start the board's server over SSH when it does not run; needs the extra ``redpitaya``.

    Parameters
    ----------
    user, password, port
        The login; without a password the user's own keys are tried.
    known_hosts : Path, optional
        Where the board's host key is, beside the user's own file of known hosts.
    trust_unknown_host : bool
        Take a board whose key is nowhere, as on a wire of one's own. A key that changed is refused anyway.
    server : str
        Path of monitor_server on the board.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = "root"
    password: Secret | None = None
    port: Annotated[int, Field(gt=0, lt=65536)] = 22
    known_hosts: Path | None = None
    trust_unknown_host: bool = False
    server: str = "/opt/pyrpl/monitor_server"


class BoardShell:
    """A login on the board, that keeps monitor_server running.

    Parameters
    ----------
    host : str
        The board.
    login : SshConfig
        How to log in there.
    server_port : int
        Where monitor_server shall listen.
    timeout_s : float
        For each step of the login.

    Examples
    --------
    ::

        shell = BoardShell("rp-f00000.local", SshConfig(password="root"))
        link = TcpLink("rp-f00000.local", revive=shell.start_server)
    """

    def __init__(
        self, host: str, login: SshConfig, *, server_port: int = DEFAULT_PORT, timeout_s: float = 5.0
    ) -> None:
        self._host, self._login, self._timeout_s = host, login, timeout_s
        self._command = f"killall monitor_server; exec {shlex.quote(login.server)} {int(server_port)}"
        self._client: Any = None

    def start_server(self) -> None:
        """End a monitor_server that runs on the board, and start a new one.

        Raises
        ------
        ConfigError
            If the extra is not installed, `known_hosts` can't be read, or the board's host key is not known.
        DeviceError
            If the login failed, or the server ended at once: with what it said.
        """
        client = self._logged_in()
        try:
            channel = client.get_transport().open_session(timeout=self._timeout_s)
            channel.set_combine_stderr(True)
            channel.exec_command(self._command)
            self._check_alive(channel)
        except _ssh_errors() as error:
            self.close()
            raise DeviceError(f"cannot start monitor_server on {self._host} over SSH: {error}") from error

    def close(self) -> None:
        """Log out, which ends the server too. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError):
                client.close()

    def _logged_in(self) -> Any:
        if self._client is not None and self._client.get_transport().is_active():
            return self._client
        paramiko, login = _paramiko(), self._login
        password = login.password.get_secret_value() if login.password else None
        client = paramiko.SSHClient()
        client.load_system_host_keys()
        if login.known_hosts is not None:
            _load_host_keys(client, login.known_hosts)
        client.set_missing_host_key_policy(
            paramiko.WarningPolicy() if login.trust_unknown_host else paramiko.RejectPolicy()
        )
        try:
            client.connect(
                self._host,
                login.port,
                login.user,
                password,
                timeout=self._timeout_s,
                auth_timeout=self._timeout_s,
                banner_timeout=self._timeout_s,
                look_for_keys=password is None,
                allow_agent=password is None,
            )
        except _ssh_errors() as error:
            client.close()
            if "not found in known_hosts" in str(error):
                raise ConfigError(
                    f"the host key of {self._host}:{login.port} is not known; log in once with ssh, or give "
                    "known_hosts, or trust_unknown_host = true on a network of your own"
                ) from error
            raise DeviceError(f"cannot log in to {login.user}@{self._host}:{login.port}: {error}") from error
        self._client = client
        return client

    def _check_alive(self, channel: Any) -> None:
        if poll_until(channel.exit_status_ready, _SETTLE_S):
            said = channel.recv(4096).decode("utf-8", "replace").strip()
            raise DeviceError(
                f"monitor_server on {self._host} ended at once ({said or 'it said nothing'}); is it "
                "installed there, for this version of the board's system?"
            )


def _load_host_keys(client: Any, known_hosts: Path) -> None:
    try:
        client.load_host_keys(str(known_hosts))
    except OSError as error:
        raise ConfigError(f"known_hosts {known_hosts} can't be read: {error.strerror}") from error


def _paramiko() -> Any:
    try:
        return importlib.import_module("paramiko")
    except ImportError as error:
        raise ConfigError(
            "starting monitor_server over SSH needs paramiko: pip install 'parfocal[redpitaya]'"
        ) from error


def _ssh_errors() -> tuple[type[BaseException], ...]:
    return (_paramiko().SSHException, OSError, EOFError)
