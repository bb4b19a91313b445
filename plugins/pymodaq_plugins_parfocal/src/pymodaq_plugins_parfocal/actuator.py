"""Base of the actuators: a move is submitted, and done when the board has confirmed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pymodaq.control_modules.move_utility_classes import DAQ_Move_base, DataActuatorType
from pymodaq.utils.data import DataActuator

from parfocal.core.errors import CommandError
from pymodaq_plugins_parfocal.plugin import BoardPlugin

if TYPE_CHECKING:
    from parfocal.core.messages import Notice
    from parfocal.ipc import Subscription
    from pymodaq_plugins_parfocal.attached import AttachedBoard
    from pymodaq_plugins_parfocal.call_group import CallGroup

_INIT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAxis:
    """A setting of a module that an actuator moves.

    Attributes
    ----------
    module, setting : str
        Which, such as "asg0" and "frequency_hz".
    selector : str
        The argument that names the module in the commands.
    setter, getter : str
        The command that sets the one, and the command that reads all of the module's.
    unit : str
        Of the setting.
    epsilon : float
        A little more than a step of the board.
    home : float
        Where `move_home` goes.
    """

    module: str
    setting: str
    selector: str
    setter: str
    getter: str
    unit: str
    epsilon: float
    home: float = 0.0


class BoardActuator(BoardPlugin, DAQ_Move_base):
    """Moves without blocking, and shows what others set as well, as soon as they do.

    The value shown is the board's own, as it was read back. An error leaves a move unfinished.

    Attributes
    ----------
    axes : mapping
        What can be moved, by the names that PyMoDAQ shows.
    known : dict
        What each module is known to be set to.
    """

    is_multiaxes = True
    data_actuator_type = DataActuatorType.DataActuator
    axes: ClassVar[Mapping[str, BoardAxis]]

    def ini_attributes(self) -> None:
        """Begin without knowing any value."""
        super().ini_attributes()
        self.known: dict[str, dict[str, Any]] = {}
        self._move: CallGroup | None = None
        self._look: CallGroup | None = None
        self._subscription: Subscription | None = None

    @property
    def axis(self) -> BoardAxis:
        """The one that is chosen."""
        return self.axes[self.axis_name]

    @property
    def module(self) -> str:
        """The one whose axis is chosen."""
        return self.axis.module

    def ini_stage(self, controller: AttachedBoard | None = None) -> tuple[str, bool]:
        """Attach to the board, and read where every axis is."""
        info, initialized = self.attach(controller)
        if initialized:
            try:
                self._read_all()
            except CommandError as error:
                self.tell(str(error))
                return str(error), False
            self.write_setup()
        return info, initialized

    def get_actuator_value(self) -> DataActuator:
        """Return what is known, at once; if the board says otherwise, that is shown when it has said so."""
        if self._look is None:
            self._look = self._ask_state(self.axis)
        return self._value()

    def move_abs(self, value: DataActuator) -> None:
        """Set the value."""
        self.target_value = self.check_bound(value)
        target = self.set_position_with_scaling(self.target_value)
        self._send(target.value(self.axis_unit))

    def move_rel(self, value: DataActuator) -> None:
        """Set the value that lies so much further."""
        self.move_abs(self.current_value + value)

    def move_home(self, *_: Any) -> None:
        """Set the value of the axis that is its home."""
        self._send(self.axis.home, self.move_done)

    def stop_motion(self, *_: Any) -> None:
        """Cancel a move that is under way."""
        if self._move is not None:
            self._move.drop("stopped")
            self._move = None
        self.move_done()

    def user_condition_to_reach_target(self) -> bool:
        """Whether the board has confirmed the move."""
        return self._move is None

    def take_setup(self, state: Any) -> None:
        """Take note of what the board made of the set-up, and show it."""
        self._note(getattr(state, self.axis.selector), asdict(state))

    def close(self) -> None:
        """Let go of the board."""
        for group in (self._move, self._look):
            if group is not None:
                group.drop("closed")
        self._move = self._look = None
        if self._subscription is not None:
            self._subscription.close()
        self.leave()

    def _read_all(self) -> None:
        """Read every module once, waiting for it, and subscribe to what others set."""
        modules = {axis.module: axis for axis in self.axes.values()}
        self._subscription = self.controller.listen(
            tuple(modules), partial(self._bridge.post, self._take_notice)
        )
        calls = {
            name: self.controller.submit(axis.getter, timeout_s=_INIT_TIMEOUT_S, **{axis.selector: name})
            for name, axis in modules.items()
        }
        self.known = {name: asdict(call.result()) for name, call in calls.items()}

    def _ask_state(self, axis: BoardAxis) -> CallGroup:
        return self.ask([(axis.getter, {axis.selector: axis.module})], partial(self._take_state, axis))

    def _take_state(self, axis: BoardAxis, results: list[Any], error: CommandError | None) -> None:
        self._look = None
        if error is None:
            self._note(axis.module, asdict(results[0]))
        else:
            self.tell(str(error))

    def _take_notice(self, notice: Notice) -> None:
        """Take note of what somebody has set; one that was switched off is asked about it."""
        if notice.payload.get("on") is False:
            if notice.topic == self.axis.module and self._look is None:
                self._look = self._ask_state(self.axis)
        else:
            self._note(notice.topic, notice.payload)

    def _note(self, module: str, news: Mapping[str, Any]) -> None:
        self.known[module].update(news)
        if module == self.axis.module:
            self.emit_value(self._value())

    def _send(self, value: float, then: Callable[[], None] = lambda: None) -> None:
        if self._move is not None:
            self._move.drop("moved anew")
        axis = self.axis
        command = axis.setter, {axis.setting: value, axis.selector: axis.module}
        self._move = self.ask([command], partial(self._arrive, axis, then))

    def _arrive(
        self, axis: BoardAxis, then: Callable[[], None], results: list[Any], error: CommandError | None
    ) -> None:
        self._move = None
        if error is not None:
            self.poll_timer.stop()
            self.tell(str(error))
            return
        self.known[axis.module][axis.setting] = results[0]
        if axis == self.axis:
            self.target_value = self._value()  # a step of a calibrated input may be larger than epsilon
        then()

    def _value(self) -> DataActuator:
        axis = self.axis
        value = self.known[axis.module][axis.setting]
        return self.get_position_with_scaling(DataActuator(self._title, data=value, units=axis.unit))
