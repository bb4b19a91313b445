"""Pipelines as data, their steps checked before anything is started, and plans that do not go with them."""

from __future__ import annotations

import sys
from asyncio import CancelledError

import msgspec
import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ConfigError
from parfocal.core.frames import FrameHeader
from parfocal.ipc.message_pipe import packed
from parfocal.runs.pipeline.messages import AnalysisJob
from parfocal.runs.pipeline.pipeline import Pipeline, pipeline_from_data, pipeline_to_data
from parfocal.runs.pipeline.plan_check import check_plan
from parfocal.runs.pipeline.request import PipelineRequest, pipeline_request
from parfocal.runs.pipeline.requested_run import requested_run
from parfocal.runs.pipeline.running import PipelineRunner
from parfocal.runs.pipeline.step import Step, resolve
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.testing.steps import bright

STEPS, CELLS = "parfocal.testing.steps:", "parfocal.analysis.cells."
MASKED = Pipeline(segment=STEPS + "bright", stimulate=STEPS + "everything")
NO_LABELS = "labels must be whole numbers of the shape (4, 4), not float64 of the shape (2, 2)"
STIMULI = {"stim_channels": [{"config": "blue", "exposure": 5}], "stim_frames": "all"}


def plan(loops=3, **more):
    return Sequence(time_plan={"interval": 0, "loops": loops}, **{"channels": ["green"], **STIMULI, **more})


def request(pipeline=MASKED, mode="current", **more):
    return PipelineRequest(pipeline=pipeline, mode=mode, **more)


def test_a_pipeline_comes_back_from_plain_data_as_it_was():
    pipeline = Pipeline(
        segment=Step(call=STEPS + "bright", settings={"above": 3}), workers=2, late="hold", save="labels"
    )
    data = pipeline_to_data(pipeline)
    assert data["segment"] == {"call": STEPS + "bright", "settings": {"above": 3}}
    assert pipeline_from_data(data) == pipeline
    assert pipeline.save == ("labels",)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"segment": 3}, "segment: expected a mapping"),
        (
            {"segment": "bright"},
            "write the function into a module file",
        ),
        ({"segment": "__main__:bright"}, "can't be imported by another process"),
        ({"deadline_s": 0}, "deadline_s must be above 0, not 0"),
        ({"deadline_s": float("nan")}, "deadline_s must be a finite number"),
        ({"workers": 1.5}, "workers must be a whole number, not 1.5"),
        ({"workers": 10_000}, "workers must be 128 or less, not 10000"),
        ({"queue": 1e300}, "queue must be 100000 or less, not 1e+300"),
        ({"deadline_s": 1e300}, "deadline_s must be 1e+09 or less, not 1e+300"),
        ({"late": "wait"}, "late must be 'skip', 'hold', 'previous', 'abort', not 'wait'"),
        ({"save": ["label"]}, "save must be 'labels', 'masks', 'tracks', not 'label'"),
        ({"choose": STEPS + "even"}, "choose without stimulate"),
        ({"features_ref": STEPS + "brightness"}, "features_ref without track"),
        ({"channel": 3}, "channel must be the name of a channel, not 3"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(fields, told):
    with pytest.raises(BadInputError) as caught:
        Pipeline(**{"segment": STEPS + "bright", **fields})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("stage", "step", "told"),
    [
        (
            "segment",
            Step(call=STEPS + "bright", settings={"abov": 1}),
            "no setting 'abov'; did you mean 'above'?",
        ),
        ("segment", Step(call=STEPS + "cells"), "'labels' is nothing that a step is given here"),
        ("segment", Step(call="numpy:pi"), "it can't be called: it is float"),
        (
            "track",
            Step(call=STEPS + "bright"),
            "a linker is a class with link(columns)",
        ),
        ("track", Step(call="collections:Counter"), "the class has no method link"),
        (
            "track",
            Step(call=STEPS + "ByLabel", settings={"frist": 2}),
            "no setting 'frist'; did you mean 'first'?",
        ),
        (
            "segment",
            Step(call=STEPS + "bright", settings={"above": "much"}),
            "setting 'above' must be a number, not 'much'",
        ),
        (
            "segment",
            Step(call=STEPS + "bright", settings={"above": float("nan")}),
            "setting 'above' must be a number, not nan",
        ),
        (
            "segment",
            Step(call=CELLS + "segment:otsu", settings={"min_area_px": 2.5}),
            "setting 'min_area_px' must be a whole number, not 2.5",
        ),
        (
            "segment",
            Step(call=CELLS + "segment:otsu", settings={"smooth_px": None}),
            "setting 'smooth_px' must be a number, not None",
        ),
    ],
)
def test_a_step_that_does_not_fit_is_refused_with_the_nearest_name(stage, step, told):
    with pytest.raises(BadInputError) as caught:
        resolve(stage, step)
    assert told in str(caught.value)


def test_a_setting_that_may_be_missing_may_be_none():
    resolve("stimulate", Step(call=CELLS + "masks:part_of_cells", settings={"angle": None}))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            bright,
            "segment: a step is given by its address, which other processes import: "
            + repr(STEPS + "bright"),
        ),
        (lambda image: image, "write the function into a module file and name it 'module:function'"),
    ],
)
def test_a_function_itself_is_refused_with_its_address(given, told):
    with pytest.raises(BadInputError) as caught:
        Pipeline(segment=given)
    assert told in str(caught.value)


def test_a_step_that_its_module_lacks_is_told_with_the_nearest_name():
    with pytest.raises(ConfigError, match="has no 'otsuu'; did you mean 'otsu'"):
        pipeline_request({"segment": CELLS + "segment:otsuu"})


def test_a_module_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match="segment 'no_such_lab:find' cannot be imported"):
        pipeline_request({"segment": "no_such_lab:find"})


def test_a_class_is_made_with_its_settings_and_asks_for_metadata():
    step = resolve("stimulate", Step(call=STEPS + "ByPhase"))
    assert step.required_metadata == {"phase"}
    assert step.run(shape=(1, 2), metadata={"phase": "light"}).all()
    assert resolve("track", Step(call=STEPS + "ByLabel", settings={"first": 7})).owner.state()["next"] == 7


@pytest.mark.parametrize("raised", ["ValueError('no weights')", "SystemExit('no weights')"])
def test_a_step_that_cant_be_made_is_told_by_its_name(raised, tmp_path, monkeypatch):
    (tmp_path / "own_unmade_steps.py").write_text(
        f"class Find:\n    def __init__(self):\n        raise {raised}\n    def __call__(self, image): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInputError) as caught:
        pipeline_request({"segment": "own_unmade_steps:Find"})
    kind = raised.partition("(")[0]
    assert str(caught.value) == f"segment 'own_unmade_steps:Find': it can't be made: {kind}: no weights"
    del sys.modules["own_unmade_steps"]


class SpeechlessError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("raised", "kind", "told"),
    [
        (SpeechlessError(), "SpeechlessError", "SpeechlessError, whose text can't be told: RuntimeError"),
        (ValueError("no \udcff"), "ValueError", "no \\udcff"),
        (CancelledError("too long"), "CancelledError", "too long"),
        (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_whatever_a_step_raises_is_told_by_its_name(raised, kind, told, monkeypatch):
    """What could not be sent, or was no `Exception`, ended its worker without a word."""

    def fails(**_):
        raise raised

    runner = PipelineRunner(Pipeline(segment=STEPS + "bright"))
    monkeypatch.setitem(runner._steps, "segment", runner._steps["segment"]._replace(run=fails))
    error = run(runner, np.zeros((4, 4))).error
    assert (error.step, error.type, error.message) == ("segment", kind, told)
    packed(error)


LINKER = """
class Linker:
    def link(self, columns): ...
    def resume(self, state): ...
    def state(self):
        {}
"""


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("return [1]", "state() of a linker returns numbers and arrays by name, not list"),
        ("return {'last': None}", "state() of a linker returns numbers and arrays; 'last' is NoneType"),
        ("return {'known': {3: 1}}", "state() of a linker returns numbers and arrays; 'known' is dict"),
        ("return {3: None}", "state() of a linker returns numbers and arrays; 3 is NoneType"),
        ("return {'at': [[1], [2, 3]]}", "state() of a linker returns numbers and arrays; 'at' is list"),
        ("raise RuntimeError('too early')", "its state() raised RuntimeError: too early"),
    ],
)
def test_a_linker_that_can_t_tell_what_it_remembers_is_refused(state, told, tmp_path, monkeypatch):
    """Its worker ended without a word at the first image, for its state could not be sent."""
    (tmp_path / "own_linkers.py").write_text(LINKER.replace("{}", state))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInputError) as caught:
        pipeline_request({"segment": STEPS + "bright", "track": "own_linkers:Linker"})
    assert str(caught.value) == f"track 'own_linkers:Linker': {told}"
    del sys.modules["own_linkers"]


def linked(monkeypatch, particles, state=dict):
    """Return what is found of two cells whose linker returns these."""
    runner = PipelineRunner(Pipeline(segment=STEPS + "bright", track=STEPS + "ByLabel"))
    linker = runner._steps["track"]._replace(run=lambda **_: particles)
    monkeypatch.setitem(runner._steps, "track", linker)
    segment = runner._steps["segment"]._replace(run=lambda **_: np.array([[1, 0], [0, 2]]))
    monkeypatch.setitem(runner._steps, "segment", segment)
    monkeypatch.setattr(linker.owner, "state", state)
    return run(runner, np.zeros((2, 2)))


def test_what_a_linker_remembers_later_is_looked_at_too(monkeypatch):
    error = linked(monkeypatch, np.array([0, 1]), lambda: {"known": {3: 1}}).error
    assert (error.step, error.message) == (
        "track",
        "state() of a linker returns numbers and arrays; 'known' is dict",
    )


def test_a_number_that_is_given_to_two_cells_of_an_image_is_refused(monkeypatch):
    error = linked(monkeypatch, np.array([4, 4])).error
    told = "a particle is one cell: number 4 is given to 2 cells of the same image"
    assert (error.step, error.message) == ("track", told)
    assert linked(monkeypatch, np.array([-1, -1])).error is None, "nobody knows which these are"


def test_a_step_that_wants_to_end_its_process_has_failed(monkeypatch):
    runner = PipelineRunner(Pipeline(segment=STEPS + "bright"))
    ends = runner._steps["segment"]._replace(run=lambda **_: sys.exit("usage: cells [-h]"))
    monkeypatch.setitem(runner._steps, "segment", ends)
    error = run(runner, np.zeros((4, 4))).error
    assert (error.step, error.type, error.message) == ("segment", "SystemExit", "usage: cells [-h]")


def test_a_request_knows_the_folder_of_a_module_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "own_loop_steps.py").write_text("def find(image):\n    return image > 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    asked = pipeline_request({"segment": "own_loop_steps:find"}, "previous")
    assert asked.search_path == (str(tmp_path),)
    assert len(asked.pipeline.segment.source) == 64
    assert msgspec.convert(msgspec.to_builtins(asked), PipelineRequest) == asked
    del sys.modules["own_loop_steps"]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (
            np.zeros((2, 2)),
            NO_LABELS,
        ),
        (np.full((4, 4), -1), "labels must be 0 or more, not -1"),
        (np.full((4, 4), -1, np.int8), "labels must be 0 or more, not -1"),
        (np.full((4, 4), 2**32 - 1, np.uint32), "labels must be 2147483647 or less, not 4294967295"),
    ],
)
def test_labels_that_are_none_are_told(labels, told, monkeypatch):
    runner = PipelineRunner(Pipeline(segment=STEPS + "bright"))
    (step,) = runner._steps.values()
    monkeypatch.setitem(runner._steps, "segment", step._replace(run=lambda **_: labels))
    found = run(runner, np.zeros((4, 4)))
    assert (found.error.step, found.error.message) == ("segment", told)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mean": np.zeros(3)}, "column 'mean' needs one number for each of the 1 cells"),
        ({"x y": np.zeros(1)}, "a column can't be called 'x y'"),
        ({"label": np.array([5])}, "the columns tell of other cells than the labels"),
        ([1, 2], "expected columns, name -> values, got list"),
    ],
)
def test_columns_that_do_not_fit_the_cells_are_told(given, told, monkeypatch):
    runner = PipelineRunner(Pipeline(segment=STEPS + "bright", features=STEPS + "brightness"))
    monkeypatch.setitem(runner._steps, "features", runner._steps["features"]._replace(run=lambda **_: given))
    found = run(runner, np.full((4, 4), 500))
    assert found.error.step == "features"
    assert told in found.error.message
    assert found.has_labels


def test_labels_may_be_large_numbers(monkeypatch):
    """Of a segmentation that makes them of hashes; memory is not taken for all numbers below."""
    runner = PipelineRunner(Pipeline(segment=STEPS + "bright"))
    (step,) = runner._steps.values()
    large = np.array([[2**31 - 1, 0], [2**31 - 1, 7]])
    monkeypatch.setitem(runner._steps, "segment", step._replace(run=lambda **_: large))
    found = run(runner, np.zeros((2, 2)))
    assert found.error is None
    assert found.columns["label"].tolist() == [7, 2**31 - 1]
    assert found.columns["area_px"].tolist() == [1, 2]
    assert found.columns["y_px"].tolist() == [1.0, 0.5]


def test_a_choice_of_which_nobody_can_tell_is_none(monkeypatch):
    runner = PipelineRunner(
        Pipeline(segment=STEPS + "bright", choose=STEPS + "brightness", stimulate=STEPS + "cells")
    )
    unknown = runner._steps["choose"]._replace(run=lambda **_: np.array([np.nan]))
    monkeypatch.setitem(runner._steps, "choose", unknown)
    found = run(runner, np.full((4, 4), 500))
    assert (found.error.step, found.error.message) == (
        "choose",
        "which cells are chosen is bool, not float64",
    )
    assert not found.has_mask


@pytest.mark.parametrize("level", [1, 128])
def test_a_mask_with_levels_is_an_error_of_its_step(level, monkeypatch):
    """A modulator has none; so the artificial image tells it before the first exposure."""
    runner = PipelineRunner(Pipeline(segment=STEPS + "bright", stimulate=STEPS + "cells"))
    grey = runner._steps["stimulate"]._replace(run=lambda **_: np.full((4, 4), level, np.uint8))
    monkeypatch.setitem(runner._steps, "stimulate", grey)
    found = run(runner, np.full((4, 4), 500))
    assert found.error.step == "stimulate"
    assert f"16 pixels between dark (0) and full light (255), such as {level}" in found.error.message
    assert (found.has_mask, found.packed) == (False, None)


def test_a_mode_without_a_pipeline_is_refused():
    with pytest.raises(BadInputError, match=r"stim_mode 'previous' .* there is no pipeline"):
        requested_run(plan(), stim_mode="previous")


def run(runner, image):
    labels, mask = np.zeros(image.shape, np.int32), np.zeros(image.shape, np.uint8)
    return runner.run(AnalysisJob(images=()), {"": image}, {}, labels, mask)


def test_what_a_pipeline_finds_in_a_plan():
    both = plan(
        channels=["red", "green"], ref_channels=["far"], ref_frames=[0], stage_positions=[(0, 0), (1, 1)]
    )
    found = check_plan(both.events(), request(Pipeline(segment=STEPS + "bright", channel="green")))
    assert (found.channel, found.channels, found.references) == ("green", ("red", "green"), ("far",))
    assert (found.masked, found.warnings) == ((), ()), "no step makes masks"
    trial = found.trial(FrameHeader(frame=0))
    assert [one.channel for one in trial.images] == ["green", "red"]
    assert [one.channel for one in trial.references] == ["far"]


@pytest.mark.parametrize("order", ["tpcz", "ptcz", "tpzc"])
def test_any_order_goes_in_which_the_images_of_a_position_follow_one_another(order):
    stack = plan(
        axis_order=order,
        channels=["a", "b"],
        stage_positions=[(0, 0, 0), (1, 1, 0)],
        z_plan={"range": 2, "step": 1},
    )
    assert check_plan(stack.events(), request()).masked


def test_an_order_that_mixes_positions_is_refused_with_one_that_does_not():
    mixed = plan(axis_order="tcpz", channels=["a", "b"], stage_positions=[(0, 0), (1, 1)])
    with pytest.raises(BadInputError, match=r"event 2 \(t=0, p=0, c=1, z=0\): for a pipeline, .*axis_order"):
        check_plan(mixed.events(), request())


def test_a_stimulus_without_an_image_of_its_time_point_is_refused():
    rare = plan(4, channels=[{"config": "green", "acquire_every": 2}])
    with pytest.raises(BadInputError, match=r"t=1.*made from an image in channel 'green'"):
        check_plan(rare.events(), request())
    assert check_plan(rare.events(), request(mode="previous")).masked


def test_stimuli_before_there_can_be_a_mask_are_told():
    found = check_plan(plan(stage_positions=[(0, 0), (1, 1)]).events(), request(mode="previous"))
    assert found.warnings == ("2 stimuli have no image before them: leave t=0 out of stim_frames",)
    (told,) = check_plan(plan().events(), request(mode="previous")).warnings
    assert told == "1 stimulus has no image before it: leave t=0 out of stim_frames"
    assert check_plan(plan(stim_frames=[1, 2]).events(), request(mode="previous")).warnings == ()


def test_the_time_point_is_told_at_which_a_stimulus_has_no_image_before_it():
    """It was always t=0, and "1 stimuli", also of a run that was recovered or goes on with another plan."""
    longer = Schedule(plan(6))
    left = [event for event in longer.events() if event.index["t"] >= 4]
    wanted = request(mode="previous")
    assert check_plan(left, wanted, completes=True).warnings == (
        "1 stimulus has no image before it since the run was cut short (t=4), and no mask",
    )
    assert check_plan(left, wanted).warnings == (
        "1 stimulus has no image before it (t=4): leave that out of stim_frames",
    )
    assert check_plan(longer.events(), wanted).warnings == (
        "1 stimulus has no image before it: leave t=0 out of stim_frames",
    )


def test_a_channel_that_is_not_imaged_is_refused_with_the_nearest():
    wrong = request(Pipeline(segment=STEPS + "bright", channel="gren"))
    with pytest.raises(BadInputError, match=r"segments channel 'gren', .* did you mean 'green'"):
        check_plan(plan(stim_channels=(), stim_frames=()).events(), wrong)


def test_metadata_that_a_step_needs_has_to_be_in_the_plan():
    asked = pipeline_request({"segment": STEPS + "bright", "stimulate": STEPS + "ByPhase"})
    assert asked.required_metadata == ("phase",)
    with pytest.raises(BadInputError, match=r"event 0 .* needs 'phase' in its metadata; .*'phases'"):
        check_plan(plan(metadata={"phases": 1}).events(), asked)
    assert check_plan(plan(metadata={"phase": "light"}).events(), asked).masked
