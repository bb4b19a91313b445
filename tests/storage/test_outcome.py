import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.frames import FrameSpec
from parfocal.core.status import StoredCount
from parfocal.storage.collecting import Collected
from parfocal.storage.manifest import Manifest, StreamRecord, Writer
from parfocal.storage.moment import Moment
from parfocal.storage.outcome import decide_outcome, seen_outcome
from parfocal.storage.run_manifests import Ended, final_manifest

WHOLE = StoredCount(expected=10, stored=10)
TORN = StoredCount(expected=10, stored=7)
BROKEN = StoredCount(expected=10, stored=10, error="the disk was full")
UNSEEN = StoredCount(expected=10, stored=9, error="its ring is gone", uncounted=True)
ENDINGS = ["complete", "finished early", "cancelled", "failed"]
WORDS = re.compile(r"complete|finished early|cancelled|failed|incomplete: lost (at least )?\d+")

counts = st.builds(
    lambda stored, lost, error: StoredCount(expected=stored + lost, stored=stored, error=error),
    st.integers(0, 10**9),
    st.one_of(st.just(0), st.integers(0, 10**9)),
    st.sampled_from(["", "the disk was full"]),
)


@pytest.mark.parametrize(
    ("ending", "streams", "failed", "outcome"),
    [
        ("complete", [], False, "complete"),
        ("complete", [WHOLE, WHOLE], False, "complete"),
        ("complete", [WHOLE, TORN, TORN], False, "incomplete: lost 6"),
        ("complete", [BROKEN], False, "incomplete: lost 0"),
        ("complete", [UNSEEN, TORN], False, "incomplete: lost at least 4"),
        ("cancelled", [UNSEEN], False, "cancelled"),
        ("complete", [WHOLE], True, "failed"),
        ("finished early", [WHOLE], False, "finished early"),
        ("finished early", [TORN], False, "incomplete: lost 3"),
        ("cancelled", [WHOLE], False, "cancelled"),
        ("cancelled", [TORN], False, "cancelled"),
        ("cancelled", [TORN], True, "failed"),
        ("failed", [WHOLE], False, "failed"),
    ],
)
def test_each_case(ending: str, streams: list[StoredCount], failed: bool, outcome: str) -> None:
    assert decide_outcome(ending, streams, failed=failed) == outcome  # type: ignore[arg-type]


@given(st.sampled_from(ENDINGS), st.lists(counts, max_size=5), st.booleans())
def test_complete_is_said_only_when_everything_is_there(
    ending: str, streams: list[StoredCount], failed: bool
) -> None:
    outcome = decide_outcome(ending, streams, failed=failed)  # type: ignore[arg-type]
    assert WORDS.fullmatch(outcome)
    whole = not failed and all(count.lost == 0 and not count.error for count in streams)
    assert (outcome == "complete") == (whole and ending == "complete")
    assert outcome != "finished early" or (whole and ending == "finished early")
    if outcome.startswith("incomplete"):
        assert int(outcome.split()[-1]) == sum(count.expected - count.stored for count in streams)


def test_a_run_whose_recorder_died_is_unknown() -> None:
    assert seen_outcome("recording", recorder_alive=False) == "unknown: not closed"
    assert seen_outcome("recording", recorder_alive=True) == "recording"
    assert seen_outcome("complete", recorder_alive=False) == "complete"


def test_what_numbers_recorded_frames_is_not_counted_twice() -> None:
    camera = StreamRecord(
        kind="frames",
        path="frames.ome.zarr",
        policy="drop",
        spec=FrameSpec(shape=(4, 4), dtype="uint8"),
        first_sequence=0,
        writer="camera",
    )
    regions = msgspec.structs.replace(camera, writer="tracker", numbered_by="camera")
    manifest = Manifest(run="a", started=Moment.now(SYSTEM_CLOCK), recorder=Writer.this())
    lost = {"camera": {"camera": 3}, "tracker": {"overrun": 2}}
    for record in (camera, regions):
        changed = msgspec.structs.replace(manifest, streams={"frames": record})
        final = final_manifest(changed, Ended(ending="complete"), Collected(), lost, stop_on_error=False)
        assert final.losses == {"overrun": 2}, "frames of the tracker that nobody tracked are told"
