"""What is asked next, and what becomes of the answers; no process, no file."""

from msgspec.structs import replace

from parfocal.app.browser.inventory import Inventory
from parfocal.app.browser.messages import Listed, ListFolder, ReadRows, RowsRead
from parfocal.app.browser.rows import ImageRow


def listed(path, time_ns=1, **more):
    folder, _, name = path.rpartition("/")
    return ImageRow(path=path, source=path, folder=folder, name=name, kind="TIFF", time_ns=time_ns, **more)


def read(row, **more):
    return replace(row, is_read=True, shape=(5, 7), **more)


def files(inventory):
    return [row.name for row in inventory.rows.shown()]


def scanned(*paths, folders=()):
    """Return an inventory of a folder of these files, all of them read."""
    inventory = Inventory("/d")
    assert inventory.next_request() == ListFolder("/d")
    inventory.take(Listed("/d", rows=[listed(path) for path in paths], folders=list(folders)))
    while isinstance(request := inventory.next_request(), ReadRows):
        for row in request.rows:
            inventory.take(RowsRead([row.source], [read(row)], last=row is request.rows[-1]))
    return inventory


def test_folders_are_listed_then_files_are_read():
    inventory = scanned("/d/a.tif", "/d/b.tif")
    assert files(inventory) == ["a.tif", "b.tif"]
    assert inventory.next_request() is None
    assert (inventory.progress.images, inventory.progress.unread) == (2, 0)
    assert all(row.is_read for row in inventory.rows.shown())


def test_what_is_seen_is_read_first():
    inventory = Inventory("/d")
    inventory.take(Listed("/d", rows=[listed(f"/d/{n}.tif") for n in range(1000)]))
    inventory.want(["/d/700.tif", "/d/701.tif"])
    assert [row.name for row in inventory.next_request().rows[:2]] == ["700.tif", "701.tif"]


def test_a_file_of_several_images_takes_the_place_of_its_name():
    inventory = Inventory("/d")
    source = listed("/d/m.ome.tif")
    inventory.take(Listed("/d", rows=[source]))
    inventory.next_request()
    inventory.take(RowsRead([], [read(source, position=n, name=f"p{n}") for n in (0, 1)], source.source))
    inventory.take(RowsRead([source.source], [read(source, position=2, name="p2")], last=True))
    assert files(inventory) == ["p0", "p1", "p2"]
    inventory.rescan()
    inventory.take(Listed("/d", rows=[replace(source, time_ns=2)]))
    assert files(inventory) == ["p0", "p1", "p2"]  # until it has been read again
    inventory.next_request()
    inventory.take(RowsRead([source.source], [read(source, name="alone")], last=True))
    assert files(inventory) == ["alone"]


def test_files_and_folders_that_are_gone_are_forgotten():
    inventory = scanned("/d/a.tif", "/d/b.tif", folders=["/d/x"])
    inventory.rescan()
    inventory.take(Listed("/d/x", rows=[listed("/d/x/c.tif")], folders=["/d/x/y"]))
    inventory.take(Listed("/d/x/y", rows=[listed("/d/x/y/e.tif")]))
    assert files(inventory) == ["a.tif", "b.tif", "c.tif", "e.tif"]
    inventory.take(Listed("/d", folders=[], gone=["/d/a.tif"]))
    assert files(inventory) == ["b.tif"]
    assert set(inventory.folders) == {"/d"}
    assert inventory.progress.images == 1


def test_a_run_that_goes_on_is_read_at_each_scan_until_it_has_ended():
    inventory = Inventory("/d")
    run = listed("/d/run")
    inventory.take(Listed("/d/run", "run", rows=[run]))
    for outcome in ("recording", "recording", "complete"):
        inventory.rescan()
        while isinstance(request := inventory.next_request(), ListFolder):
            inventory.take(Listed(request.folder))
        assert [row.name for row in request.rows] == ["run"]
        inventory.take(RowsRead(["/d/run"], [read(run, outcome=outcome)], last=True))
    inventory.rescan()
    while isinstance(request := inventory.next_request(), ListFolder):
        inventory.take(Listed(request.folder))
    assert request is None


def test_a_file_that_ends_its_reader_says_so_and_the_others_are_read():
    inventory = Inventory("/d")
    inventory.take(Listed("/d", rows=[listed(f"/d/{n}.tif") for n in range(5)]))
    alone = []
    while isinstance(request := inventory.next_request(), ReadRows):
        if any(row.name == "3.tif" for row in request.rows):
            inventory.failed("was ended by signal 11")
            continue
        alone.append(len(request.rows))
        for row in request.rows:
            inventory.take(RowsRead([row.source], [read(row)], last=row is request.rows[-1]))
    problems = {row.name: row.problem for row in inventory.rows.shown() if row.problem}
    assert problems == {"3.tif": "the process that read it was ended by signal 11"}
    assert alone == [1, 1, 1, 1]
    assert inventory.progress.problems == 1


def test_a_folder_that_ends_its_lister_says_so():
    inventory = scanned("/d/a.tif", folders=[])
    inventory.rescan()
    inventory.next_request()
    inventory.failed("was ended by signal 9")
    assert inventory.folders["/d"].problem == "the process that listed it was ended by signal 9"
    assert inventory.next_request() is None


def test_another_worker_that_lists_all_anew_changes_nothing():
    inventory = scanned("/d/a.tif")
    inventory.rescan()
    inventory.take(Listed("/d", rows=[listed("/d/a.tif")]))
    assert inventory.next_request() is None
