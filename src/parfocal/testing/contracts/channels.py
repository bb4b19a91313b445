"""What everything does that sets channels: light path, light, power and exposure as one."""

from __future__ import annotations

from collections.abc import Iterator

from parfocal.core.channels import ChannelPreset, ChannelState
from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.protocols import Channels
from parfocal.testing.contracts.promise import NotAskable, Promises, Trial, refused

CHANNELS = Promises("channels")


@CHANNELS.promise()
def it_has_channels_and_none_is_set(trial: Trial) -> None:
    """It has all methods of the protocol, names its channels, and when it is opened none is set."""
    assert isinstance(trial.device, Channels)
    assert trial.device.presets
    assert trial.device.channel().name == ""
    assert not trial.device.channel().lit
    assert isinstance(trial.device.state(), dict)


@CHANNELS.promise()
def an_unknown_channel_names_the_known(trial: Trial) -> None:
    """A channel that it does not have is refused, naming one that it has; nothing changes."""
    before = trial.device.channel()
    known = next(iter(trial.device.presets))
    with refused(BadInputError, saying=known):
        trial.device.set_channel(known + "_")
    assert trial.device.channel() == before


@CHANNELS.promise(needs="motion")
def a_channel_is_set_in_the_dark(trial: Trial) -> None:
    """A channel that is set and settled is dark until it is lit, and has what its preset says."""
    for name in _names(trial):
        state = set_channel(trial, name)
        assert not state.lit
        _is_as_its_preset(trial, state)


@CHANNELS.promise(needs="light")
def a_lit_channel_is_lit_and_none_else_is(trial: Trial) -> None:
    """Its light reaches the sample when it is lit, and no more when the next channel is set."""
    for name in _names(trial):
        preset = trial.device.presets[name]
        assert not set_channel(trial, name).lit
        assert trial.device.set_lit(True) == trial.device.channel()
        assert trial.device.channel().lit == _can_be_lit(preset)
        assert trial.device.set_lit(False) == trial.device.channel()
        assert not trial.device.channel().lit
        trial.device.set_lit(True)


@CHANNELS.promise(needs="motion")
def what_is_given_replaces_the_preset_once(trial: Trial) -> None:
    """An exposure or a power that is given holds until a channel is set next, whatever its order."""
    for name in _names(trial):
        usual = set_channel(trial, name)
        if usual.exposure_ms is not None:
            wanted = usual.exposure_ms / 2
            assert set_channel(trial, name, exposure_ms=wanted).exposure_ms == wanted
        if usual.power is not None:
            assert abs((set_channel(trial, name, power=0.125).power or 0.0) - 0.125) <= 0.01
            assert set_channel(trial, name, power=0.0).power == 0.0
        assert set_channel(trial, name) == usual


@CHANNELS.promise(needs="motion")
def what_a_channel_does_not_take_is_refused(trial: Trial) -> None:
    """A senseless exposure or power is refused, as is one that the channel does not have; nothing changes."""
    for name in _names(trial):
        before = set_channel(trial, name)
        for wrong in (-0.01, 1.01, float("nan")):
            with refused(BadInputError, saying="power"):
                trial.device.set_channel(name, power=wrong)
        for wrong in (0.0, -1.0, float("nan"), float("inf")):
            with refused(BadInputError, saying="exposure"):
                trial.device.set_channel(name, exposure_ms=wrong)
        if trial.device.presets[name].power is None:
            with refused(BadInputError, saying="no light"):
                trial.device.set_channel(name, power=0.5)
        assert trial.device.channel() == before


@CHANNELS.promise(needs="light")
def what_was_found_is_put_back(trial: Trial) -> None:
    """`restore` puts back what was found, dark; once more it does nothing."""
    found = trial.device.channel()
    for name in _names(trial):
        set_channel(trial, name)
        trial.device.set_lit(True)
    for _ in range(2):
        trial.device.restore()
        trial.wait_until(lambda: trial.device.channel() == found, "what was found is put back")


@CHANNELS.promise(needs="light")
def safe_is_dark(trial: Trial) -> None:
    """Made safe, once or twice, it is dark; closed it says that it must be opened."""
    name = next((name for name in _names(trial) if _can_be_lit(trial.device.presets[name])), None)
    if name is None:
        raise NotAskable("none of its channels has a light")
    set_channel(trial, name)
    trial.device.set_lit(True)
    assert trial.device.channel().lit
    for _ in range(2):
        trial.device.make_safe()
    trial.wait_until(lambda: not trial.device.channel().lit, "it is dark")
    for _ in range(2):
        trial.device.close()
    trial.device.make_safe()
    with refused(DeviceError, saying="open"):
        trial.device.set_channel(name)


def set_channel(
    trial: Trial, name: str, exposure_ms: float | None = None, power: float | None = None
) -> ChannelState:
    """Set a channel, wait until it has settled, and return what is read back."""
    settled = trial.device.set_channel(name, exposure_ms, power)
    trial.wait_until(trial.device.is_settled, f"channel {name!r} has settled")
    state: ChannelState = trial.device.channel()
    assert settled in (None, state), "what it returned is not what it stands at"
    return state


def _names(trial: Trial) -> Iterator[str]:
    """Yield all channels, forwards and backwards: what one leaves behind would show in the next."""
    names = [name for name, preset in trial.device.presets.items() if not preset.refused]
    yield from names
    yield from reversed(names)


def _can_be_lit(preset: ChannelPreset) -> bool:
    """Whether a channel has a light, and that has a power, or none that can be set."""
    return bool(preset.light) and preset.power != 0


def _is_as_its_preset(trial: Trial, state: ChannelState) -> None:
    preset = trial.device.presets[state.name]
    assert state.light == preset.light
    assert preset.filter in ("", state.filter)
    assert (state.power is None) == (preset.power is None)
    if state.power is not None and preset.power is not None:
        assert abs(state.power - preset.power) <= 0.01
    assert preset.exposure_ms in (None, state.exposure_ms)
