"""A folder as a lab has it: a plate, a time series of TIFFs, recorded runs, and what is broken."""

import numpy as np
import tifffile
from yaozarrs import v05

import parfocal
from parfocal.core.clock import poll_until
from parfocal.runs import Sequence

from ...formats.foreign_plates import write_plate

PATIENCE_S = 120.0
SIDE = 160


def cells(seed, number=14, side=SIDE):
    """Return an image of bright ellipses on noise, (y, x) uint16."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    image = random.normal(300, 20, (side, side))
    for _ in range(number):
        (cy, cx), (a, b), angle = (
            random.uniform(8, side - 8, 2),
            random.uniform(5, 11, 2),
            random.uniform(0, np.pi),
        )
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        image += random.uniform(600, 2400) * np.exp(-(((u / a) ** 2 + (v / b) ** 2) ** 2))
    return np.clip(image, 0, 65535).astype(np.uint16)


def write_lab_folder(root):
    """Write it; the runs are those of the simulated microscope."""
    wells = [f"{row}/{column}" for row in "BCDE" for column in (2, 3, 4, 7, 8, 9)]
    write_plate(root / "screen.ome.zarr", v05, wells, 1, np.stack([cells(1), cells(2)]), 0.65)
    (root / "timelapse").mkdir()
    for t in range(6):
        for channel in ("DAPI", "GFP"):
            name = f"drug_C05_s1_{channel}_t{t:03d}.tif"
            tifffile.imwrite(root / "timelapse" / name, cells(t + 10 * (channel == "GFP"), 9 + t))
    tifffile.imwrite(
        root / "stack.ome.tif", np.stack([cells(5)] * 8), metadata={"axes": "ZYX", "PhysicalSizeX": 0.1}
    )
    np.save(root / "movie.npy", np.stack([cells(n) for n in range(4)]))
    (root / "cut.tif").write_bytes((root / "timelapse" / name).read_bytes()[:200])
    (root / "overview.czi").write_bytes(b"ZISRAWFILE")
    (root / "runs").mkdir()
    write_runs(root / "runs")


def write_runs(folder):
    """Record a run that is complete, and one that is cancelled."""
    channels = [{"config": "nucleus", "exposure": 5}, {"config": "cytoplasm", "exposure": 5}]
    places = [{"name": "left", "x": -150, "y": 20}, {"name": "right", "x": 150, "y": 0}]
    with parfocal.open_rig("microscope", name="browsed") as rig:
        plan = Sequence(time_plan={"interval": 0.05, "loops": 3}, stage_positions=places, channels=channels)
        rig.run(plan, name="two places", folder=str(folder)).wait(timeout_s=PATIENCE_S)
        long = Sequence(time_plan={"interval": 0.5, "loops": 1000}, channels=channels[:1])
        handle = rig.run(long, name="stopped", folder=str(folder))
        assert poll_until(lambda: handle.status().events_acquired > 1, PATIENCE_S)
        handle.cancel("the sample drifted away")
        handle.wait(timeout_s=PATIENCE_S)
