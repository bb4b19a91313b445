"""What `parfocal status` shows of a ledger that is wrong."""

from rich.console import Console

from parfocal.cli.status_view import status_view
from parfocal.core.status import ReaderLedger, RigStatus, StreamStatus


def shown(delivered):
    reader = ReaderLedger(
        name="recorder", pid=7, policy="block", offered=8, delivered=delivered, dropped={}, in_flight=0
    )
    stream = StreamStatus(
        name="camera", kind="frames", produced=8, abandoned=0, slots=4, writer_pid=6, readers=(reader,)
    )
    console = Console(width=200, record=True, file=None)
    with console.capture() as captured:
        console.print(
            status_view(RigStatus(name="r", pid=1, state="running", services={}, streams={"camera": stream}))
        )
    return captured.get()


def test_an_account_that_does_not_balance_says_whose_it_is():
    assert "WRONG: reader 'recorder' counted 9 of 8 that were offered" in shown(delivered=9)
    assert "WRONG" not in shown(delivered=8)
