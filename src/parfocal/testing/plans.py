"""Plans of every kind, for hypothesis: ``@given(plans)``.

`sequences`, `elements` and `plans` draw whole plans; `fields_of_both` draws the fields of a sequence that
useq-schema can express as well.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from parfocal.runs import Plan, Sequence, acquire, combine, confirm, wait

few = st.integers(1, 4)
halves = st.integers(-8, 8).map(lambda number: number / 2)
intervals = st.sampled_from([0, 0.5, 2, 5])
phases = st.one_of(
    st.fixed_dictionaries({"interval": intervals, "loops": few}),
    st.fixed_dictionaries({"interval": st.sampled_from([0.5, 2, 5]), "duration": st.integers(0, 6)}),
    st.fixed_dictionaries({"duration": st.integers(0, 9), "loops": st.integers(2, 4)}),
)
time_plans = st.one_of(phases, st.lists(phases, min_size=1, max_size=3))
steps = st.sampled_from([0.5, 1])
z_plans = st.one_of(
    st.none(),
    st.fixed_dictionaries({"range": st.integers(0, 3), "step": steps}),
    st.fixed_dictionaries({"bottom": halves, "up": st.integers(0, 2), "step": steps}).map(
        lambda plan: {"bottom": plan["bottom"], "top": plan["bottom"] + plan["up"], "step": plan["step"]}
    ),
    st.fixed_dictionaries({"above": st.integers(0, 2), "below": st.integers(0, 2), "step": steps}),
    st.fixed_dictionaries({"absolute": st.lists(halves, min_size=1, max_size=3), "go_up": st.booleans()}),
    st.fixed_dictionaries({"relative": st.lists(halves, min_size=1, max_size=3)}),
)
places = st.lists(st.tuples(halves, halves, halves), min_size=1, max_size=3)
channel = st.fixed_dictionaries(
    {"z_offset": halves, "do_stack": st.booleans(), "acquire_every": few},
    optional={"exposure": st.sampled_from([1.0, 20.0])},
)
channel_lists = st.lists(channel, max_size=3).map(
    lambda found: [{"config": f"c{number}", **fields} for number, fields in enumerate(found)]
)
orders = st.permutations("tpcz").map("".join)
fields_of_both = st.fixed_dictionaries(
    {"time_plan": time_plans, "stage_positions": places, "channels": channel_lists, "axis_order": orders},
    optional={"z_plan": z_plans},
)
stimuli = st.fixed_dictionaries(
    {
        "stim_channels": st.just([{"config": "s", "exposure": 5}]),
        "stim_frames": st.sampled_from([0, -1, "all", "every 2", {0, -1}]),
    }
)
references = st.fixed_dictionaries({"ref_channels": st.just(["r"]), "ref_frames": st.just([-1])})
nothing: st.SearchStrategy[dict[str, Any]] = st.just({})
batched = st.fixed_dictionaries(
    {
        "time_plan": st.lists(
            st.fixed_dictionaries({"interval": st.sampled_from([3, 5]), "loops": st.integers(2, 4)}),
            min_size=1,
            max_size=2,
        ),
        "stage_positions": st.lists(st.tuples(halves, halves, halves), min_size=1, max_size=5),
        "channels": channel_lists,
        "axis_order": st.sampled_from(["tpcz", "tpzc"]),
        "batch": st.one_of(
            st.fixed_dictionaries(
                {"positions": st.integers(1, 3)}, optional={"time_per_position": st.just(1)}
            ),
            st.fixed_dictionaries({"time_per_position": st.sampled_from([0.7, 1, 3])}),
        ),
    },
    optional={"z_plan": z_plans},
)
focused = st.fixed_dictionaries(
    {
        "time_plan": time_plans,
        "stage_positions": places,
        "channels": channel_lists,
        "axis_order": st.sampled_from(["tpcz", "ptzc", "tpzc"]),
        "autofocus": st.fixed_dictionaries(
            {"range": st.just(4), "step": st.sampled_from([0.5, 2])},
            optional={
                "frames": st.sampled_from([0, [-1, 0], "all", "every 2"]),
                "positions": st.just("first"),
                "channel": st.sampled_from(["c0", "other"]),
                "on_failure": st.sampled_from(["keep", "pause", "stop"]),
            },
        ),
    },
    optional={"z_plan": z_plans.filter(lambda plan: not plan or not plan.keys() & {"bottom", "absolute"})},
)
sequences = st.builds(
    lambda fields, more, other: Sequence(**fields, **more, **other, metadata={"phase": 1}),
    fields_of_both | batched | focused,
    nothing | stimuli,
    nothing | references,
)
elements = st.builds(wait, st.integers(0, 20)) | st.just(confirm("well?", 5)) | st.just(acquire(7))


def _combined(plans: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
    return st.lists(plans, min_size=1, max_size=4).map(lambda found: combine(*found))


abreast = st.lists(sequences, min_size=1, max_size=3).map(lambda found: combine(*found, axis="p"))
plans = st.recursive(sequences | elements | abreast, _combined, max_leaves=6)
