"""The host of a light modulator: masks in camera pixels go in, and what it shows is read back."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError, DeviceError, MadeSafeError
from parfocal.core.modulation import BLANK, ShownMask, mask_hash, packed_hash, unpack_mask
from parfocal.core.protocols import LightModulator, TellsMask
from parfocal.devices.calibration_commands import CalibrationCommands, CalibrationConfig
from parfocal.devices.mask_warp import MaskWarp
from parfocal.devices.modulator_patterns import patterns_of
from parfocal.ipc import RECEIVER, URGENT, command


class _MadePattern(NamedTuple):
    """Which of the modulator's own pixels pass light, as it is sent, and how many."""

    to_send: Any
    lit_px: int


class _PreparedMask(NamedTuple):
    """The pattern of a mask, by the hash of that, and what it was made with."""

    hash: int
    warp: MaskWarp
    pattern: _MadePattern


class ModulatorHost(CalibrationCommands):
    """Runs a light modulator. It shows nothing when it is opened, safe, closed, or its lease is lost.

    What is shown is read back from the device and compared with what was sent: a mask that it did not take
    is an error, and then it is blanked. Of one that cannot tell what it shows, what is returned says so.
    """

    Config = CalibrationConfig
    protocol = LightModulator
    _prepared: _PreparedMask | None = None

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return that it writes none."""
        del service
        return ()

    def surround(self, stack: ExitStack) -> None:
        """Begin blank, with the calibration that was kept."""
        del stack
        self._tells_mask = self.device if isinstance(self.device, TellsMask) else None
        self._patterns = patterns_of(self.device)
        self._dark = self._patterns.made(np.zeros(self.device.shape, np.uint8))
        self._sent, self._shown = self._dark, self._nothing()
        self.load_calibration()

    @command(effect="changes")
    def show_mask(self, mask: bytes, shape: tuple[int, int], hash: int) -> ShownMask:
        """Show a mask in camera pixels; returns what is read back.

        Parameters
        ----------
        mask : bytes
            As `parfocal.core.modulation.pack_mask` makes it.
        shape : tuple of int
            (y, x) of the mask: that of the frames for which the modulator is calibrated.
        hash : int
            `mask_hash` of the mask, so that one that was changed on its way is refused.
        """
        return self._show(self._prepare(mask, shape, hash), hash)

    @command(effect="reads")
    def prepare_mask(self, mask: bytes, shape: tuple[int, int], hash: int) -> None:
        """Make the pattern of a mask, so that `show_mask` of the same mask takes less time. Shows nothing."""
        self._prepare(mask, shape, hash)

    @command(effect="changes")
    def show_pattern(self, pattern: bytes) -> ShownMask:
        """Show a packed pattern in the modulator's own pixels; its hash is that of the pattern."""
        image = unpack_mask(pattern, self.device.shape)
        return self._show(self._made(image), mask_hash(image))

    @command(effect="changes")
    def show_all(self) -> ShownMask:
        """Let light through everywhere; needs no calibration."""
        image = np.ones(self.device.shape, np.uint8)
        return self._show(self._made(image), mask_hash(image))

    @command(lane=URGENT, effect="stops")
    def blank(self) -> None:
        """Let no light through: at once, and again after a mask that is under way. Ends a calibration."""
        self.make_safe()
        with self.lock:
            self._blank()

    @command(lane="read", effect="reads")
    def shown(self) -> ShownMask:
        """Return what it shows, read back from the device if that can tell.

        Raises
        ------
        DeviceError
            If that is neither what was sent last nor blank.
        """
        with self.lock:
            return self._read_back()

    @command(lane=RECEIVER, effect="reads")
    def lights(self) -> tuple[str, ...]:
        """Return the lights that it is before, as its settings tell: no mask shapes another; () if none."""
        return tuple(filter(None, (self.settings.light, *self.settings.other_lights)))

    @command(lane=RECEIVER, effect="reads")
    def shape(self) -> tuple[int, int]:
        """Return its pixels (y, x)."""
        return self.device.shape

    def show_spot(self, pattern: NDArray[np.uint8]) -> None:
        """Show a pattern, of a calibration."""
        self._send(self._made(pattern), mask_hash(pattern))

    def state(self) -> dict[str, Any]:
        """Return the device's state and the calibration."""
        return {**self.device.state(), "calibration": msgspec.to_builtins(self._calibration)}

    def _prepare(self, mask: bytes, shape: tuple[int, int], hash: int) -> _MadePattern:
        """Return the pattern of a mask, which is kept; `BadInputError` if it was changed on its way."""
        warp = self.warp()
        if self._prepared is None or self._prepared[:2] != (hash, warp):
            image = unpack_mask(mask, shape)
            if packed_hash(mask, shape) != hash:
                raise BadInputError(f"the mask is not the one of hash {hash:#018x}: nothing is shown")
            self._prepared = _PreparedMask(hash, warp, self._made(warp.pattern(image)))
        return self._prepared.pattern

    def _made(self, image: NDArray[np.uint8]) -> _MadePattern:
        return _MadePattern(self._patterns.made(image), int(np.count_nonzero(image)))

    def _show(self, pattern: _MadePattern, shown_as: int) -> ShownMask:
        if self.calibrating:
            raise DeviceError(f"modulator {self.context.service!r} is being calibrated: cancel that, or wait")
        return self._send(pattern, shown_as)

    def _send(self, pattern: _MadePattern, shown_as: int) -> ShownMask:
        """Show a pattern within the limits, and return what is read back.

        It is a `MadeSafeError` if it was blanked meanwhile.
        """
        since = self.times_made_safe
        self.check_limits(lit_fraction=pattern.lit_px / math.prod(self.device.shape))
        with self.lock:
            if self.context.stopping.is_set():
                raise MadeSafeError(f"modulator {self.context.service!r} is being closed")
            try:
                with self.unless_made_safe(since, "the modulator was blanked meanwhile"):
                    self._patterns.show(pattern.to_send)
                    self._sent, self._shown = pattern.to_send, self._told(shown_as, pattern.lit_px)
                    if (shown := self._read_back()).hash != shown_as:
                        raise DeviceError("the modulator did not take the mask: it shows nothing")
            except BaseException:
                self._blank()
                raise
            return shown

    def _read_back(self) -> ShownMask:
        compared = self._patterns.compare(self._sent)
        if compared == "same":
            return self._shown
        if compared == "other":
            raise DeviceError("the modulator shows another mask than the one that was sent last")
        return self._nothing()

    def _blank(self) -> None:
        self.device.make_safe()
        self._sent, self._shown = self._dark, self._nothing()

    def _nothing(self) -> ShownMask:
        return self._told(BLANK, 0)

    def _told(self, hash: int, lit_px: int) -> ShownMask:
        """Return what is shown from now on."""
        reads_back = self._tells_mask is None or self._tells_mask.reads_back
        now_ns = self.context.clock.monotonic_ns()
        return ShownMask(hash=hash, lit_px=lit_px, shown_ns=now_ns, read_back=reads_back)
