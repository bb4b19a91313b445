"""Plates of OME-Zarr 0.4 and 0.5 as foreign programs write them: zarr-python, and the models of yaozarrs."""

import json
from pathlib import Path

import numpy as np
import zarr
from yaozarrs import v04, v05, validate_zarr_store

zarr.group()  # its event loop begins here, and not in a test that counts what it leaves
IMAGE = (np.arange(2 * 8 * 10, dtype=np.uint16) * 37 % 4096).reshape(2, 8, 10)


def write_plate(folder, version, wells=("A/1", "A/2", "B/3"), fields=2, image=IMAGE, pixel_size_um=0.5):
    """Write a plate of images (c, y, x); each is `image` + 100 x its well's number + its field's."""
    rows, columns = (
        sorted({well.split("/")[n] for well in wells}, key=lambda s: (len(s), s)) for n in (0, 1)
    )
    places = [well.split("/") for well in wells]
    plate = version.PlateDef(
        rows=[version.Row(name=row) for row in rows],
        columns=[version.Column(name=column) for column in columns],
        wells=[
            version.PlateWell(
                path=f"{row}/{column}", rowIndex=rows.index(row), columnIndex=columns.index(column)
            )
            for row, column in places
        ],
        version="0.4" if version is v04 else None,
    )
    _group(folder, version, version.Plate(plate=plate, **_v5(version)))
    for number, well in enumerate(wells):
        images = [version.FieldOfView(path=str(field)) for field in range(fields)]
        _group(folder / well, version, version.Well(well=version.WellDef(images=images), **_v5(version)))
        for field in range(fields):
            made = _group(folder / well / str(field), version, _image(version, pixel_size_um))
            names = {"dimension_names": ("c", "y", "x")} if version is v05 else {}
            made.create_array("0", data=(image + 100 * number + field).astype(image.dtype), **names)
    validate_zarr_store(str(folder))
    return Path(folder)


def _image(version, pixel_size_um):
    scale = version.ScaleTransformation(scale=[1.0, pixel_size_um, pixel_size_um])
    axes = [version.ChannelAxis(name="c"), *(version.SpaceAxis(name=n, unit="micrometer") for n in "yx")]
    multiscale = version.Multiscale(
        axes=axes, datasets=[version.Dataset(path="0", coordinateTransformations=[scale])]
    )
    channels = [
        version.OmeroChannel(label=label, color="00FF00", window=_window(version))
        for label in ("DAPI", "GFP")
    ]
    return version.Image(multiscales=[multiscale], omero=version.Omero(channels=channels), **_v5(version))


def _window(version):
    return version.OmeroWindow(min=0, max=65535, start=0, end=4096)


def _v5(version):
    return {"version": "0.5"} if version is v05 else {}


def _group(folder, version, document):
    made = zarr.open_group(folder, mode="a", zarr_format=2 if version is v04 else 3)
    plain = json.loads(document.model_dump_json(exclude_none=True, by_alias=True))
    made.attrs.update(plain if version is v04 else {"ome": plain})
    return made
