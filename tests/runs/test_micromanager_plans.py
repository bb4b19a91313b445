"""Settings that Micro-Manager's dialog for multi-dimensional acquisition has saved, as plans."""

from __future__ import annotations

import json

import pytest

from parfocal.core.errors import BadInputError
from parfocal.runs import Sequence, at_origin, load_plan
from parfocal.runs.plans.micromanager_plans import plan_from_micromanager

COLOUR = {"value": -13382401, "falpha": 0.0}


def channel(config, **more):
    return {
        "doZStack": True,
        "config": config,
        "exposure": 20.0,
        "zOffset": 0.0,
        "color": COLOUR,
        "skipFactorFrame": 0,
        "useChannel": True,
        "camera": "",
        **more,
    }


SETTINGS = {
    "numFrames": 4,
    "intervalMs": 2500.0,
    "displayTimeUnit": 1,
    "useCustomIntervals": False,
    "channels": [
        channel("DAPI"),
        channel("FITC", exposure=50.0, zOffset=1.5, skipFactorFrame=1, doZStack=False),
        channel("Cy5", useChannel=False),
    ],
    "slices": [-2.0, 0.0, 2.0],
    "relativeZSlice": True,
    "slicesFirst": False,
    "timeFirst": False,
    "keepShutterOpenSlices": False,
    "keepShutterOpenChannels": False,
    "useAutofocus": False,
    "skipAutofocusCount": 0,
    "save": True,
    "saveMode": "MULTIPAGE_TIFF",
    "root": "/data",
    "prefix": "drug",
    "zReference": 3.0,
    "comment": "first try",
    "channelGroup": "Channel",
    "usePositionList": False,
    "cameraTimeout": 20000,
    "shouldDisplayImages": True,
    "useSlices": True,
    "useFrames": True,
    "useChannels": True,
    "sliceZStepUm": 2.0,
    "sliceZBottomUm": -2.0,
    "sliceZTopUm": 2.0,
    "acqOrderMode": 0,
    "isTestAcquisition": False,
    "version": 1.4,
}
PLAN = {
    "time_plan": {"interval": 2.5, "loops": 4},
    "channels": [
        {"config": "DAPI", "exposure": 20},
        {"config": "FITC", "exposure": 50, "z_offset": 1.5, "acquire_every": 2, "do_stack": False},
    ],
    "z_plan": {"relative": [-2, 0, 2]},
    "axis_order": "tpzc",
    "metadata": {"comment": "first try"},
}


def device(name, *values):
    return {
        "Device": {"type": "STRING", "scalar": name},
        "Position_um": {"type": "DOUBLE", "array": list(values)},
    }


def position(label, *devices):
    return {
        "DefaultXYStage": {"type": "STRING", "scalar": "XY"},
        "DefaultZStage": {"type": "STRING", "scalar": "Z"},
        "DevicePositions": {"type": "PROPERTY_MAP", "array": list(devices)},
        "GridCol": {"type": "INTEGER", "scalar": 0},
        "GridRow": {"type": "INTEGER", "scalar": 0},
        "Label": {"type": "STRING", "scalar": label},
        "Properties": {"type": "PROPERTY_MAP", "scalar": {}},
    }


def position_list(*entries, **changes):
    return {
        "encoding": "UTF-8",
        "format": "Micro-Manager Property Map",
        "major_version": 2,
        "minor_version": 0,
        "map": {"StagePositions": {"type": "PROPERTY_MAP", "array": list(entries)}},
        **changes,
    }


def changed(**changes):
    return {**SETTINGS, **changes}


@pytest.mark.parametrize("name", ["AcqSettings.txt", "settings.json"])
def test_a_saved_file_is_a_plan(tmp_path, name):
    file = tmp_path / name
    file.write_text(json.dumps(SETTINGS, indent=2))
    assert load_plan(file) == Sequence(**PLAN) == plan_from_micromanager(file)


@pytest.mark.parametrize(("mode", "order"), list(enumerate(["tpzc", "tpcz", "ptzc", "ptcz"])))
def test_its_order(mode, order):
    assert plan_from_micromanager(changed(acqOrderMode=mode)).axis_order == order


def test_what_is_switched_off_is_left_out():
    plan = plan_from_micromanager(changed(useFrames=False, useSlices=False, useChannels=False))
    assert plan.shape == {"t": 1, "p": 1, "c": 1, "z": 1}


@pytest.mark.parametrize(
    ("ends", "planes"),
    [((10, 14, 2), (10, 12, 14)), ((14, 10, 2), (14, 12, 10)), ((0, 0.3, 0.1), (0, 0.1, 0.2, 0.3))],
)
def test_planes_without_a_list_go_from_bottom_to_top(ends, planes):
    bottom, top, step = ends
    plan = plan_from_micromanager(
        changed(
            slices=[],
            relativeZSlice=False,
            sliceZBottomUm=bottom,
            sliceZTopUm=top,
            sliceZStepUm=step,
            channels=[channel("DAPI")],
        )
    )
    assert plan.z_plan.planes_um == pytest.approx(planes)
    assert not plan.z_plan.is_relative


def test_its_positions_are_those_of_the_list(tmp_path):
    file = tmp_path / "cells.pos"
    entries = (
        position("Pos0", device("Z", 5.0), device("XY", 1.0, 2.0)),
        position("b", device("XY", 3.0, 4.0)),
    )
    file.write_text(json.dumps(position_list(*entries)))
    plan = plan_from_micromanager(changed(usePositionList=True), positions=file)
    assert plan.stage_positions == Sequence(stage_positions=[
        {"name": "Pos0", "x": 1, "y": 2, "z": 5}, {"name": "b", "x": 3, "y": 4}
    ]).stage_positions  # fmt: skip


def test_its_autofocus_looks_as_far_as_it_is_told():
    plan = plan_from_micromanager(changed(useAutofocus=True), autofocus={"range": 20, "step": 2})
    assert sum(event.kind == "autofocus" for event in at_origin(plan, z_um=0).events()) == 4


@pytest.mark.parametrize(
    ("settings", "options", "told"),
    [
        (changed(useCustomIntervals=True), {}, "useCustomIntervals: .*phases"),
        (changed(keepShutterOpenSlices=True), {}, "keepShutterOpenSlices: .*light is off"),
        (changed(usePositionList=True), {}, "usePositionList: .*positions="),
        (changed(useAutofocus=True), {}, "useAutofocus: .*how far"),
        (
            changed(useAutofocus=True, skipAutofocusCount=2),
            {"autofocus": {"range": 20, "step": 2}},
            "skipAutofocusCount: 2 has not the same meaning",
        ),
        (SETTINGS, {"autofocus": {"range": 20, "step": 2}}, "the settings do not use it"),
        (changed(acqOrderMode=7), {}, "acqOrderMode is 0 to 3, not 7"),
        (changed(intervalMs=-1.0), {}, "intervalMs must be 0 or more"),
        (changed(numFrams=3), {}, "no field 'numFrams'; did you mean 'numFrames'"),
        (changed(slices=[], sliceZStepUm=0.0), {}, "sliceZStepUm must not be 0"),
        (changed(slices=[0.0, 1.0]), {}, r"channels\[1\].doZStack: of 2 planes none is in the middle"),
        (changed(channels=[channel("a", camera="left")]), {}, r"channels\[0\].camera: 'left'.*rig file"),
        (
            {name: value for name, value in SETTINGS.items() if name != "useFrames"},
            {},
            "useFrames is missing",
        ),
    ],
)
def test_what_cannot_be_done_is_named(settings, options, told):
    with pytest.raises(BadInputError, match=told):
        plan_from_micromanager(settings, **options)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (position_list(position("a", device("PFSOffset", 3.0))), r"position 0 \('a'\) moves 'PFSOffset'"),
        (position_list(position("a", device("XY", 3.0))), r"moves 'XY' to \[3.0\]"),
        (position_list(major_version=1), "no position list of Micro-Manager 2"),
        (position_list(map={}), "no whole position list"),
        ([1], "no settings of Micro-Manager"),
    ],
)
def test_a_list_that_is_none_is_named(tmp_path, data, told):
    file = tmp_path / "cells.pos"
    file.write_text(json.dumps(data))
    with pytest.raises(BadInputError, match=told):
        plan_from_micromanager(changed(usePositionList=True), positions=file)


def test_an_error_of_a_file_names_it_and_another_text_is_none(tmp_path):
    file = tmp_path / "AcqSettings.txt"
    file.write_text(json.dumps(changed(useCustomIntervals=True)))
    with pytest.raises(BadInputError, match=r"AcqSettings\.txt: useCustomIntervals"):
        load_plan(file)
    file.write_text('{"channels": ["a"]}')
    with pytest.raises(BadInputError, match=r"not \.txt"):
        load_plan(file)
