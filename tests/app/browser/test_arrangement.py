"""Which rows are shown, in which order: the same as sorting all of them anew, whatever came and went."""

from hypothesis import given, settings
from hypothesis import strategies as st

from parfocal.app.browser.arrangement import Arrangement, RowChoice
from parfocal.app.browser.columns import COLUMNS, key_of
from parfocal.app.browser.filters import parse_filter
from parfocal.app.browser.rows import ImageRow

FOLDERS = ("/d", "/d/a", "/d/ab", "/d/a/x")
rows = st.builds(
    lambda number, folder, well, t, problem: ImageRow(
        path=f"{folder}/f{number}.tif", source=f"{folder}/f{number}.tif", folder=folder,
        name=f"f{number}.tif", well=well, t=t, problem=problem,
    ),
    st.integers(0, 12), st.sampled_from(FOLDERS), st.sampled_from(["", "A01", "B02"]),
    st.sampled_from(["", "3", "10"]), st.sampled_from(["", "cut"]),
)  # fmt: skip
choices = st.builds(
    lambda folder, search, well, sort, descending: RowChoice(
        folder=folder, search=search, columns={"well": well}, sort=sort, descending=descending
    ),
    st.sampled_from(["", "/d/a", "/d/ab"]), st.sampled_from(["", "f1", "cut", "t:>5"]),
    st.sampled_from(["", "=A01", "!B02", "A01, B02"]), st.sampled_from(["", *(one.name for one in COLUMNS)]),
    st.booleans(),
)  # fmt: skip
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(rows, max_size=8)),
        st.tuples(st.just("remove"), st.lists(rows, max_size=3)),
        st.tuples(st.just("choose"), choices),
        st.tuples(st.just("look"), st.none()),
    ),
    max_size=12,
)


def lies_within(row, folder):
    return not folder or row.folder == folder or row.source == folder or row.folder.startswith(folder + "/")


def expected(held, choice):
    """Return what a table shows that is made anew."""
    wanted = parse_filter(choice.search, choice.columns)
    found = [row for row in held.values() if lies_within(row, choice.folder) and wanted.matches(row)]
    column = choice.sort or "name"

    def by_place(row):
        first = key_of(row, choice.sort) if choice.sort else row.folder
        return first, key_of(row, "name"), row.key

    found.sort(key=by_place)
    if not choice.descending:
        return found
    full = [row for row in found if key_of(row, column)[0] != 2]
    return full[::-1] + [row for row in found if key_of(row, column)[0] == 2]


@settings(max_examples=60)
@given(steps)
def test_it_is_as_if_all_were_sorted_anew(steps):
    arrangement, held, choice = Arrangement(), {}, RowChoice()
    for name, value in [*steps, ("look", None)]:
        if name == "put":
            arrangement.put(value)
            held.update((row.key, row) for row in value)
        elif name == "remove":
            arrangement.remove(row.key for row in value)
            for row in value:
                held.pop(row.key, None)
        elif name == "choose":
            arrangement.choose(value)
            choice = value
        else:
            assert arrangement.shown() == expected(held, choice)
            without = parse_filter(choice.search, {})
            wells = [
                r.well
                for r in held.values()
                if r.well and lies_within(r, choice.folder) and without.matches(r)
            ]
            assert {well: n for well, n in arrangement.wells.items() if n} == {
                w: wells.count(w) for w in wells
            }


def test_thousands_of_rows_in_batches_are_in_order():
    arrangement = Arrangement()
    names = [f"{n * 1013 % 5500}.tif" for n in range(5500)]
    for batch in (names[:500], names[500:600], names[600:]):  # more than are sorted at once
        arrangement.put(ImageRow(path=f"/d/{name}", folder="/d", name=name) for name in batch)
        arrangement.shown()
    assert [row.name for row in arrangement.shown()] == [f"{n}.tif" for n in range(5500)]
