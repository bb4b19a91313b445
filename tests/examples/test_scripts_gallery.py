"""The gallery of scripts: each may run on the rig that it is for, and does, in a shorter form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from parfocal.core.clock import poll_until
from parfocal.devices.redpitaya.simulated.plant import Plant
from parfocal.devices.redpitaya.simulated.server import SimulatedRedPitaya
from parfocal.rig.listing import command_listing
from parfocal.rig.opening import config_of, open_rig
from parfocal.rig.scripts import check_script
from parfocal.runs.scripts.script_source import ScriptSource, read_script

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "examples" / "scripts"
RIGS = {
    "force_ramp": "tweezers",
    "table_and_pull": "tweezers",
    "wait_for_unfolding": "tweezers",
    "overnight_hold": "tweezers",
    "many_positions": "microscope",
    "power_series": "microscope",
    "best_focus": "microscope",
    "look_ahead": "microscope",
    "two_microscopes": "microscope",
    "ask_a_person": "microscope",
    "resume_safe": "microscope",
    "stimulate_with_retry": "optogenetics",
    "red_pitaya_loop": "redpitaya",
}
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 192,
    "camera.options.beads": 2,
    "camera.options.frame_rate_hz": 50.0,
    "camera.options.stuck": 0.5,
}
PATIENCE_S = 120.0


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


@pytest.fixture
def shorter(tmp_path):
    """Return a function that copies a script with other values of its constants."""

    def shorter(name: str, **constants: object) -> Path:
        text = (GALLERY / f"{name}.py").read_text()
        for constant, value in constants.items():
            assert f"{constant}" in text.split("def main")[0], f"{name} has no {constant}"
            text += f"{constant} = {value!r}\n"
        copy = tmp_path / f"{name}.py"
        copy.write_text(text)
        return copy

    return shorter


def run(rig, script, outcome="complete", **more):
    handle = rig.script(script, **more)
    status = handle.wait(PATIENCE_S)
    assert status.outcome == outcome, log_of(status)
    return status


def log_of(status) -> str:
    return status.reason + "\n" + (Path(status.folder) / "script.log").read_text()


def children_of(status) -> dict[str, str]:
    document = json.loads((Path(status.folder) / "script.json").read_text())
    return {child["run"]: child["outcome"] for child in document["children"]}


def test_the_gallery_is_what_is_tested() -> None:
    assert {file.stem for file in GALLERY.glob("*.py")} == set(RIGS)


@pytest.mark.parametrize("name", RIGS)
def test_each_may_run_on_its_rig(name: str) -> None:
    services = command_listing(config_of(RIGS[name]))
    assert check_script(read_script(GALLERY / f"{name}.py"), services).problems == ()


def page_script() -> str:
    """Return the script that the page "script it" begins with."""
    page = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    return found


def test_the_problems_that_the_page_shows_are_those_that_are_found() -> None:
    services = command_listing(config_of("tweezers"))
    assert check_script(ScriptSource("/lab/pull.py", page_script()), services).problems == ()
    wrong = page_script()
    for right, misspelt in (
        ('lab["camera"]', 'lab["camra"]'),
        ('lab["tracker"].find_beads()', 'lab["tracker"].find_bead()'),
        ("lab.ramp_force(", "lab.ramp_forces("),
    ):
        wrong = wrong.replace(right, misspelt)
    problems = check_script(ScriptSource("pull.py", wrong), services).problems
    page = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
    assert "\n".join(map(str, problems)) in page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@pytest.mark.slow
@pytest.mark.usefixtures("rig_roots")
def test_those_for_tweezers_run(shorter, folder) -> None:
    with open_rig("tweezers", changes=SMALL | {"recorder.folder": str(folder)}) as rig:
        status = run(rig, shorter("table_and_pull", FRAMES=2, RANGE_NM=500.0, HIGH_PN=3.0, RATE_PN_PER_S=3.0))
        assert children_of(status) == {"tables": "complete", "pull": "complete"}

        page = folder / "pull.py"
        page.write_text(page_script())
        assert list(children_of(run(rig, page)).values()) == ["complete", "complete"]

        status = run(rig, shorter("force_ramp", CYCLES=1, HIGH_PN=3.0, RATE_PN_PER_S=3.0, REST_S=0.1))
        assert children_of(status) == {"up 1": "complete", "down 1": "complete"}

        handle = rig.script(shorter("wait_for_unfolding", WINDOW=5))
        until(lambda: handle.status().event_number == 1, "the wait for a bead to unfold")
        rig["camera"].shift_sample(z_nm=250.0, force=True)
        status = handle.wait(PATIENCE_S)
        assert (status.outcome, "unfolded: [" in log_of(status)) == ("complete", True), log_of(status)
        assert children_of(status) == {"hold": "cancelled", "rest": "complete"}
        rig["camera"].shift_sample(z_nm=-250.0)

        status = run(rig, shorter("overnight_hold", HOURS=2 / 3600, PART_S=1.0))
        assert children_of(status) == {"part 1": "complete", "part 2": "complete"}
        assert "the beads are where they were" in log_of(status)


@pytest.mark.slow
@pytest.mark.usefixtures("rig_roots")
def test_those_for_a_microscope_run(shorter, folder) -> None:
    with open_rig("microscope", changes={"recorder.folder": str(folder)}) as rig:
        status = run(rig, shorter("many_positions", ROUNDS=1, INTERVAL_S=0.0))
        assert children_of(status) == dict.fromkeys(("left 1", "middle 1", "right 1"), "complete")

        status = run(rig, shorter("power_series", POWERS=(0.05, 0.4)))
        assert "power 0.4: the brightest pixels have" in log_of(status)
        until(lambda: not rig["world"].light(), "darkness")

        script = shorter("resume_safe")
        script.with_suffix(".done.json").write_text('{"A1": "before", "B2": "before"}')
        status = run(rig, script)
        assert list(children_of(status)) == ["A2", "B1"]
        assert children_of(run(rig, script, name="again")) == {}

        endless = folder / "endless.py"
        endless.write_text("def main(lab):\n    lab.acquire('video', name='until then')\n")
        assert children_of(run(rig, endless)) == {"until then": "finished early"}

        handle = rig.script(shorter("ask_a_person"))
        for question, answer in (
            ("which sample", "yeast"),
            ("how does it look", "once more"),
            ("how does it look", "that was the last"),
        ):
            until(lambda question=question: question in handle.status().question, question)
            before = len(rig.runs)
            handle.confirm(text=answer)
            # the next question may have the same words: a run comes before it
            until(lambda before=before: len(rig.runs) > before or not handle.status().question, "the answer")
        assert handle.wait(PATIENCE_S).outcome == "complete"

        handle = rig.script(shorter("stimulate_with_retry"))
        until(lambda: "try 1" in rig.runs and rig.runs["try 1"].status().events_acquired, "the first image")
        rig.runs["try 1"].cancel("not this one")
        until(lambda: handle.status().question, "the question")
        handle.confirm(answer=False)
        status = handle.wait(PATIENCE_S)
        assert (status.outcome, children_of(status)) == ("complete", {"try 1": "cancelled"})


@pytest.mark.slow
@pytest.mark.usefixtures("rig_roots")
def test_the_one_with_a_red_pitaya_runs(shorter, folder) -> None:
    lab = {
        "name": "bench",
        "runs": {"folder": str(folder)},
        "services": {"board": {"kind": "redpitaya", "settings": {}}},
    }
    with SimulatedRedPitaya(in1=Plant(gain=0.5, corner_hz=2e4)) as device:
        lab["services"]["board"]["settings"]["address"] = f"tcp://127.0.0.1:{device.port}"
        with open_rig(lab) as rig:
            measure(rig, shorter)


def measure(rig, shorter) -> None:
    status = run(rig, shorter("red_pitaya_loop", LAST_HZ=1e5, PER_DECADE=2))
    assert status.events_acquired == 5
    assert "1000 Hz: gain" in log_of(status)
    assert rig["board"].iq_get().output == "off"
