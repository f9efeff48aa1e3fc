"""Back-fill: a new recipient gets history under today's agreement, as history, and nothing that it may not have."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, Sea, Two

from manara.exercise import treaty
from manara.link import heads
from manara.node import backfill
from manara.node.backfill import Stands, Wish
from manara.records.agreement import Phase
from manara.records.released import COARSE, PRECISE, RowTable
from manara.release import statements

BACKFILL_S, BEFORE_S = 15, 80
LIVE, BACK = "arvena>belora", "arvena>belora/backfill"


@pytest.fixture(scope="module")
def sea() -> Sea:
    return Sea()


def with_history(seconds: int, **more):
    plain = treaty.agreement

    def changed(*args):
        return msgspec.structs.replace(plain(*args), backfill_s=seconds, **more)

    return changed


class Told(Two):
    """Arvena's journal is kept as the test needs it: what each step took."""

    def _begin(self, made, sea, change):
        super()._begin(made, sea, change)
        self.windows = []
        one = self["arvena"]
        plain = one.hear

        def hear(now_ns, heard):
            place = {feed.name: k for k, feed in enumerate(one.config.feeds)}
            own = tuple(msgspec.structs.replace(c, feed=place[name]) for name, c in heard if name in place)
            self.windows.append((now_ns, own))
            return plain(now_ns, heard)

        one.hear = hear

    def wish(self, phase: Phase = Phase.FULL) -> Wish:
        pair = self.made.agreements["arvena", "belora"]
        now_ns = self["arvena"].now_ns
        return Wish(Stands(pair.agreement, pair.sha256, phase), (), now_ns - BACKFILL_S * SECOND_NS, now_ns)

    def replayed(self, phase: Phase = Phase.FULL, config=None, secret=b"secret of arvena"):
        one = self["arvena"]
        directory = one.state.release.directory
        found = backfill.replay(config or one.config, directory, self.wish(phase), self.windows, secret)
        return [each for each in found if each is not None]


@pytest.fixture(scope="module")
def before(tmp_path_factory, sea):
    """Nearly two minutes in which Belora had no agreement, then it is put in force."""
    patch = pytest.MonkeyPatch()
    patch.setattr(treaty, "agreement", with_history(BACKFILL_S))
    two = Told(tmp_path_factory.mktemp("two"), sea)
    patch.undo()
    two.run(BEFORE_S)
    assert LIVE not in two["arvena"].sent
    two.activate("arvena", "belora")
    two.run(2)
    return two


@pytest.fixture(scope="module")
def history(before):
    return before.replayed()


@pytest.fixture(scope="module")
def after(before, history):
    """The story goes on with the history in it: handed in twice, as after a crash."""
    before["arvena"].waiting += [*history, *history]
    before.run(3)
    return before


def rows(blocks, table: int, shape) -> np.ndarray:
    return np.concatenate([np.frombuffer(b.rows, shape) for b in blocks if b.table == table] or [np.zeros(0, shape)])


def test_row_20_history_of_so_long_is_told_in_a_stream_of_its_own_each_tick_once(before, history, after):
    ticks = [one.of_ns for one in history]
    wish = before.wish()
    assert len(history) == BACKFILL_S
    assert ticks == sorted(set(ticks))
    assert max(ticks) - min(ticks) < BACKFILL_S * SECOND_NS
    assert max(ticks) <= wish.until_ns
    sent = after["arvena"].sent[BACK]
    assert [one.offset for one in sent] == list(range(len(history)))
    assert sum(len(rows(one.blocks, RowTable.PRECISE, PRECISE)) for one in sent) > 20


def test_row_20_history_is_past_and_keeps_to_the_rules(history, before):
    told = np.concatenate([rows(one.blocks, RowTable.PRECISE, PRECISE) for one in history])
    assert len(told)
    begin_ns = min(one.of_ns for one in history)
    assert (told["time_ns"] > begin_ns - 30 * SECOND_NS).all()
    assert (told["time_ns"] <= max(one.of_ns for one in history)).all()
    rules = {rule for one in history for terms in one.terms for rule in terms.rules}
    assert rules <= {rule.id for rule in before.made.agreements["arvena", "belora"].agreement.rules}
    assert rules
    for one in history:
        cells = {terms.cell_m for terms in one.terms}
        coarse = rows(one.blocks, RowTable.COARSE, COARSE)
        assert all(one.terms[place].cell_m for place in coarse["terms"]), cells


def test_row_20_history_is_kept_by_the_recipient_and_is_no_live_track(after, history):
    belora = after["belora"]
    assert belora.state.link.reading[BACK].next == len(history)
    theirs = [one for one in after["arvena"].sent[BACK]]
    told = {int(n) for one in theirs for n in rows(one.blocks, RowTable.PRECISE, PRECISE)["track"]}
    live = {
        int(n)
        for one in after["arvena"].sent.get(LIVE, [])
        for n in rows(one.blocks, RowTable.PRECISE, PRECISE)["track"]
    }
    assert told
    assert not live, "the view is not warm yet"
    assert belora.state.link.partners["arvena"].rows_in >= len(told)
    assert not (belora.views.pedigree & np.uint64(2)).any(), "nothing of it is in the picture"


def test_row_20_what_partners_may_not_know_of_changes_no_byte_of_history(before, history):
    """The same replay without the feeds that the agreement does not name."""
    one = before["arvena"]
    allowed = set(before.made.agreements["arvena", "belora"].agreement.sources)
    hidden = {k for k, feed in enumerate(one.config.feeds) if feed.name not in allowed}
    assert hidden, "the scenario keeps a source for itself"
    whole, before.windows = (
        before.windows,
        [(now_ns, tuple(c for c in inputs if c.feed not in hidden)) for now_ns, inputs in before.windows],
    )
    try:
        without = before.replayed()
    finally:
        before.windows = whole
    bounded = {each.of_ns: each for each in before.replayed()}
    assert without
    assert all(bounded[each.of_ns] == each for each in without)


def test_row_20_an_agreement_that_lets_no_history_go_gets_none(tmp_path, sea, before, history):
    two = Two(tmp_path, sea)  # the same treaty without backfill_s
    two.activate("arvena", "belora")
    two.run(2)
    other = two.made.agreements["arvena", "belora"].sha256
    two["arvena"].waiting += [msgspec.structs.replace(one, policy=other) for one in history]
    two.run(2)
    assert BACK not in two["arvena"].sent


def test_row_20_suspended_or_in_another_phase_or_under_another_policy_nothing_of_it_goes(after, history):
    arvena = after["arvena"]
    many = len(arvena.sent[BACK])
    later = [msgspec.structs.replace(one, of_ns=one.of_ns + 3_600 * SECOND_NS) for one in history]
    arvena.waiting += [msgspec.structs.replace(one, phase="interim") for one in later]
    arvena.waiting += [msgspec.structs.replace(one, policy="00" * 32) for one in later]
    arvena.waiting += [msgspec.structs.replace(one, recipient="corvia") for one in later]
    after.run(1)
    sha256 = after.made.agreements["arvena", "belora"].sha256
    arvena.hand_in("stop", statements.Suspend(agreement=sha256), ["arvena.operational"])
    after.run(1)
    arvena.waiting += later
    after.run(1)
    assert len(arvena.sent[BACK]) == many
    assert arvena.answers[-1].refusal == ""


def test_a_suspended_agreement_is_not_even_replayed(before):
    assert before.replayed(phase=Phase.SUSPENDED) == []


def test_the_numbers_of_history_are_of_a_view_that_no_node_gives(before, history):
    subjects = np.concatenate([np.frombuffer(b.subjects, "<u8") for one in history for b in one.blocks])
    assert ((subjects[subjects != 0] >> np.uint64(48)) >= backfill.SERIALS).all()
    assert before["arvena"].state.held.serials < backfill.SERIALS


def test_without_a_receipt_no_more_history_goes_than_the_window_lets(tmp_path, sea, history, monkeypatch):
    monkeypatch.setattr(treaty, "agreement", with_history(BACKFILL_S, window=5))
    two = Two(tmp_path, sea)
    two.cut.add(BACK)
    two.activate("arvena", "belora")
    two.run(2)
    sha256 = two.made.agreements["arvena", "belora"].sha256
    two["arvena"].waiting += [msgspec.structs.replace(one, policy=sha256) for one in history]
    two.run(2)
    sent = two["arvena"].sent[BACK]
    assert len(sent) == 5
    assert all(heads.parse(one.head).policy == sha256 for one in sent)
