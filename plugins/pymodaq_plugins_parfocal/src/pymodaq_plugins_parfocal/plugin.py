"""Base of all plugins: attaches to a board, submits commands, and shows status lines."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn

from pymodaq.control_modules.thread_commands import ThreadStatus
from pymodaq_utils.config import GlobalConfig
from pymodaq_utils.utils import ThreadCommand

from parfocal.core.errors import ParfocalError, ServiceUnavailableError
from pymodaq_plugins_parfocal import parameters
from pymodaq_plugins_parfocal.attached import AttachedBoard
from pymodaq_plugins_parfocal.call_group import CallGroup, SignalBridge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymodaq_gui.parameter import Parameter

    from parfocal.core.errors import CommandError
    from pymodaq_plugins_parfocal.call_group import Then

_DEFAULTS = GlobalConfig()("parfocal", "board")
BOARD = parameters.board(_DEFAULTS["rig"], _DEFAULTS["service"])


class BoardPlugin:
    """A plugin that asks a shared board, and never waits for it. To be mixed into a base class of PyMoDAQ."""

    controller: AttachedBoard | None

    def ini_attributes(self) -> None:
        """Begin without a board."""
        self.controller = None
        self._bridge = SignalBridge()

    def attach(self, controller: AttachedBoard | None) -> tuple[str, bool]:
        """Attach to the board as a master, or share the master's; return what PyMoDAQ wants to know."""
        rig, service = self.settings["rig"], self.settings["service"]
        try:
            self.controller = AttachedBoard(rig, service) if self.is_master else controller
        except ParfocalError as error:
            self.tell(str(error))
            return str(error), False
        if self.controller is None:
            return "a slave shares its master's board: initialise the master first", False
        return f"attached to {rig}/{service}", True

    def ask(self, commands: Sequence[tuple[str, dict[str, Any]]], then: Then) -> CallGroup:
        """Ask the board; see `CallGroup`."""
        submit = _no_board if self.controller is None else self.controller.submit
        return CallGroup(submit, self._bridge, commands, then)

    def tell(self, text: str) -> None:
        """Show a line to the user."""
        self.emit_status(ThreadCommand(ThreadStatus.UPDATE_STATUS, text))

    def write_setup(self) -> None:
        """Write the module's set-up, if the plugin has one."""

    def take_setup(self, state: Any) -> None:
        """Take note of what the board made of the set-up."""

    def leave(self) -> None:
        """Let go of the board, if this plugin attached to it."""
        if self.controller is not None and self.is_master:
            self.controller.close()


class SetupPlugin(BoardPlugin):
    """A plugin whose settings `parameters.setup` a user may have written to the module from here.

    The module is leased then: its output goes off when the plugin ends, however that comes about.

    Attributes
    ----------
    module : str
        The one that is set up, such as "asg0"; for subclasses to tell.
    """

    module: str

    def ini_attributes(self) -> None:
        """Begin without a lease."""
        super().ini_attributes()
        self._lease: CallGroup | None = None
        self._leased = ""

    @abstractmethod
    def setup_command(self, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the command that writes the settings to the module."""

    def commit_settings(self, param: Parameter) -> None:
        """Write the set-up if it has changed."""
        own = (parameters.OWN_SETUP, parameters.OFF_AT_END)
        if param.name() in own or param.parent().name() == parameters.SETUP:
            self.write_setup()
        super().commit_settings(param)

    def write_setup(self) -> None:
        """Write the module's set-up, if that is to be done from here."""
        own = self.settings[parameters.OWN_SETUP]
        self._lease_module(self.module if own and self.settings[parameters.OFF_AT_END] else "")
        if own:
            settings = parameters.values(self.settings.child(parameters.SETUP))
            self.ask([self.setup_command(settings)], self._was_set_up)

    def leave(self) -> None:
        """End the lease, and let go of the board."""
        self._lease_module("")
        super().leave()

    def _lease_module(self, module: str) -> None:
        """Lease a module, or none, instead of what is leased now."""
        if module == self._leased:
            return
        if self._lease is not None:
            self._lease.drop("given back")
        self._leased = module
        self._lease = self.ask([("output_lease", {"module": module})], self._lost_lease) if module else None

    def _lost_lease(self, _: list[Any], error: CommandError | None) -> None:
        self.tell(f"{self._leased} is off: {error}")
        self._leased, self._lease = "", None

    def _was_set_up(self, results: list[Any], error: CommandError | None) -> None:
        if error is None:
            self.take_setup(results[0])
        else:
            self.tell(str(error))


def _no_board(command: str, **_: Any) -> NoReturn:
    raise ServiceUnavailableError(f"{command}: no board is attached; initialise the plugin first")
