"""The laboratory of one's own at work: ``python examples/own_lab/try_it.py``."""

from pathlib import Path

import parfocal
from parfocal.core.errors import CommandError
from parfocal.storage import open_frames, read_array

with parfocal.open_rig(Path(__file__).with_name("lab.toml")) as rig:
    print("gain:", rig["camera"].set_gain(4.0))
    with rig.stream("camera").latest() as frames, rig.stream("sensor").lossless() as rows:
        rig["camera"].snap()
        print("brightness:", frames.read(timeout_s=10).data.mean())
        print("temperature:", rows.read(timeout_s=10)["temperature_c"][0])
    try:
        rig["camera"].set_gain(99.0)
    except CommandError as error:
        print("refused:", str(error).splitlines()[0])

    run = rig["recorder"].start(name="first light", operator="Ada", sample="none")
    rig["camera"].snap(count=5)
    report = rig["recorder"].finish()
print("recorded:", report.outcome, report.stored["camera"], "frames in", run)
print("read back:", open_frames(run + "/frames.ome.zarr").shape, read_array(run + "/sensor").dtype.names)
