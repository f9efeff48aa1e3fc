"""What partners' persons sign among themselves takes no room from us, and tells them nothing of others."""

from __future__ import annotations

import msgspec
import pytest
from tests.doubles.agreements import TEXT, admitted
from tests.doubles.persons import ARVENA, DIRECTORY, signed

from manara.records.inputs import Command
from manara.records.marking import Codebook
from manara.release import stage
from manara.release.statements import Activate

BOOK = Codebook(areas=("strait", "harbour"), sources=("hill radar",), partners=("arvena", "belora", "corvia"))


def activate(state: stage.State, edition: int) -> str:
    """The refusal, or "" where an edition was put in force."""
    one = admitted(TEXT.replace("edition = 2", f"edition = {edition}"))
    now_ns = one.document.not_before_ns + 1
    last = state.standings.agreements.get("arvena>belora")
    said = Activate(agreement=one.document.sha256, phase="full", nonce="00" * 16, after=last.last if last else "")
    agreed = stage.command(state, [Command("x", signed(said, *ARVENA), now_ns, (one.attachment,))], now_ns)
    return agreed.answers[0][1]


@pytest.mark.parametrize("own", ["arvena", "corvia"])
def test_editions_that_were_replaced_keep_no_new_agreement_out(own, monkeypatch):
    monkeypatch.setattr(stage, "DOCUMENTS_MAX", 4)
    state = stage.init(own)
    state.directory = DIRECTORY
    assert [activate(state, edition) for edition in range(1, 12)] == [""] * 11
    assert len(state.documents) <= 4


def test_a_recipient_is_not_told_that_there_are_many_views():
    """More than eight distinct sets of sources: others have agreements too, which is not this one's business."""
    state = stage.init("arvena", (), b"secret")
    state.directory = DIRECTORY
    assert activate(state, 1) == ""
    now_ns = admitted().document.not_before_ns + 10**10
    told = stage.advance(state, stage.Offered(offers={}), BOOK, now_ns)
    assert [one.kind for one in told] == ["policy", "withheld"]
    assert "views" not in msgspec.json.encode(told[1].subject).decode()
    assert state.counts.withheld["belora"] == {"too_many_views": 1}, "our own desk is told"
