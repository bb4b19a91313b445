"""A simulated microscope in one process, on a clock that jumps: what tests of its cameras stand on."""

from contextlib import contextmanager

import numpy as np

from parfocal.core.protocols import Camera
from parfocal.devices.channels import ChannelsHost
from parfocal.devices.context import DeviceContext
from parfocal.devices.light import LightHost
from parfocal.devices.registry import make_device
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.devices.simulated.world import World
from parfocal.testing.clock import JumpClock
from parfocal.testing.local_rig import LocalRig

OFFSET = 100.0


class Microscope:
    """A camera, its channels, its lights and its stages."""

    def __init__(self, folder, device, presets, world, options):
        self.clock = JumpClock(monotonic_ns=7_000_000_000)
        self.rig = LocalRig(folder, self.clock)
        self.world = self.rig.add("world", SimulatedWorld, world)
        for name in ("excitation", "stimulation"):
            self.rig.add(name, LightHost, {"device": "simulated-shuttered-light", "options": {"light": name}})
        asked = {"presets": presets, "light_path": {"device": "simulated-filters"}}
        self.channels = self.rig.add("channels", ChannelsHost, {"options": asked})
        self.context = DeviceContext(clock=self.clock, folder=folder)
        self.things = World.of(self.context)
        self.new_camera(device, options)

    def new_camera(self, device, options):
        self.camera = make_device(device, options, self.context, Camera)
        self.camera.open()

    def move(self, **places):
        for axis, target in places.items():
            self.things.move(f"{axis}_um", target, self.clock.monotonic_ns(), 1e6)
        self.clock.advance(0.1)

    def change_half_way(self, change):
        """Have `change` called in the middle of the next wait, such as that for the end of an exposure."""
        wait = self.clock.wait

        def wait_half(event, timeout_s):
            self.clock.wait = wait
            self.clock.advance(timeout_s / 2)
            change()
            return wait(event, timeout_s / 2)

        self.clock.wait = wait_half

    def image(self, channel=None, event=-1, time_s=None):
        """Take one image; return it as float above the offset, and keep its header."""
        if channel is not None:
            self.channels.call("set_channel", channel)
        if event >= 0 or time_s is not None:
            self.camera.next_event(event, time_s, {})
        self.camera.start(count=1)
        out = np.zeros(self.camera.spec.shape, self.camera.spec.dtype)
        self.header = self.camera.read_into(out, 100.0)
        return out.astype(float) - OFFSET

    def close(self):
        self.camera.close()
        self.rig.close()


@contextmanager
def several(tmp_path, kind):
    """Lend a function that makes microscopes, each in a folder of its own; they are closed in the end."""
    made = []

    def make(**options):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(kind(folder, **options))
        return made[-1]

    yield make
    for microscope in made:
        microscope.close()
