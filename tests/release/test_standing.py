"""Who may move an agreement, how far, and that nothing is moved twice."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.agreements import TEXT, admitted
from tests.doubles.persons import ARVENA, BELORA, DIRECTORY, public, signed

from manara.records.agreement import Agreement, Phase, Rule, When
from manara.records.marking import Codebook
from manara.release import never, phases, standing, statements
from manara.release.standing import Standings
from manara.release.statements import (
    Activate,
    ChangePhase,
    DirectoryUpdate,
    HoldLift,
    HoldPlace,
    KeyRotate,
    LedgerEpoch,
    Recall,
    Receipt,
    Refusal,
    Resume,
    RetentionErased,
    Suspend,
    Verified,
)

ONE = admitted()
TWO = admitted(TEXT.replace("edition = 2", "edition = 3"))
SHA = ONE.document.sha256
HALF = ONE.document.not_before_ns + 10**15
KEY = "arvena>belora"


def verified(statement, *who: str) -> Verified:
    found = statements.verify(signed(statement, *who), DIRECTORY)
    assert isinstance(found, Verified), found
    return found


def give(now: Standings, statement, *who: str, never_to=(), documents=(ONE, TWO), now_ns=HALF, own="arvena"):
    """What the machine says to a signed statement."""
    known = {one.document.sha256: one for one in documents}
    return standing.apply(now, verified(statement, *who), DIRECTORY, known, never_to, now_ns, own)


def moved(now: Standings, statement, *who: str, **more) -> Standings:
    found = give(now, statement, *who, **more)
    assert isinstance(found, Standings), found
    return found


def why(found: Standings | Refusal) -> str:
    assert isinstance(found, Refusal), found
    assert found.sentence.endswith(".")
    assert "\n" not in found.sentence
    return found.why


def active(phase: str = "interim") -> Standings:
    return moved(standing.init(), Activate(agreement=SHA, phase=phase), *ARVENA)


def last(now: Standings) -> str:
    return now.agreements[KEY].last


# Activation


def test_two_capacities_of_the_releaser_put_it_in_force():
    now = active()
    assert standing.phase_at(now.agreements[KEY], HALF) is Phase.INTERIM
    assert now.agreements[KEY].by == ARVENA


@pytest.mark.parametrize(
    ("who", "slug"),
    [
        (("arvena.minister",), "capacity_missing"),
        (("arvena.chief",), "capacity_missing"),
        (("arvena.minister", "belora.watch"), "capacity_missing"),
        (("corvia.watch",), "not_authorised"),
        (BELORA, "not_authorised"),
    ],
)
def test_nobody_else_does(who, slug):
    assert why(give(standing.init(), Activate(agreement=SHA, phase="interim"), *who)) == slug
    resting = moved(active(), Suspend(agreement=SHA, after=last(active())), "belora.watch")
    assert why(give(resting, Resume(agreement=SHA, phase="interim", after=last(resting)), *who)) == slug
    assert why(give(active(), ChangePhase(agreement=SHA, phase="full", after=last(active())), *who)) == slug


def test_the_document_must_be_signed_by_both_sides():
    half = admitted(TEXT, "arvena.minister")
    found = give(standing.init(), Activate(agreement=SHA, phase="full"), *ARVENA, documents=(half,))
    assert why(found) == "document_unsigned"
    assert isinstance(found, Refusal)
    assert "belora.minister" in found.sentence


def test_an_agreement_that_is_not_here_or_has_ended_is_not_activated():
    wanted = Activate(agreement=SHA, phase="full")
    assert why(give(standing.init(), wanted, *ARVENA, documents=())) == "unknown_agreement"
    assert why(give(standing.init(), wanted, *ARVENA, now_ns=ONE.document.not_after_ns)) == "expired"


def test_a_higher_edition_replaces_and_a_lower_never_does():
    now = active()
    later = moved(now, Activate(agreement=TWO.document.sha256, phase="full", after=last(now)), *ARVENA)
    assert (later.agreements[KEY].edition, len(later.agreements)) == (3, 1)
    assert why(give(later, Activate(agreement=SHA, phase="full", after=last(later)), *ARVENA)) == "older_edition"
    assert why(give(now, Activate(agreement=SHA, phase="full", after=last(now)), *ARVENA)) == "already"


def test_row_11_an_agreement_ends_at_its_hour_without_anybody():
    now = active("full").agreements[KEY]
    assert standing.phase_at(now, ONE.document.not_after_ns - 1) is Phase.FULL
    assert standing.phase_at(now, ONE.document.not_after_ns) is Phase.SUSPENDED
    assert standing.phase_at(now, ONE.document.not_before_ns - 1) is Phase.SUSPENDED


def test_row_4_without_a_standing_everything_is_suspended():
    assert standing.phase_at(standing.init().agreements.get(KEY), HALF) is Phase.SUSPENDED
    assert phases.ALLOWS[Phase.SUSPENDED].nothing


# One suspends, two resume


@pytest.mark.parametrize("who", [*ARVENA, *BELORA])
def test_row_3_any_one_person_of_either_partner_suspends_at_once(who):
    now = moved(active(), Suspend(agreement=SHA, after=last(active())), who)
    assert standing.phase_at(now.agreements[KEY], HALF) is Phase.SUSPENDED
    assert now.agreements[KEY].before == "interim"


def test_a_third_partner_does_not():
    assert why(give(active(), Suspend(agreement=SHA, after=last(active())), "corvia.watch")) == "not_authorised"


def test_two_resume_and_no_higher_than_before():
    now = moved(active(), Suspend(agreement=SHA, after=last(active())), "belora.watch")
    assert why(give(now, Resume(agreement=SHA, phase="full", after=last(now)), *ARVENA)) == "too_high"
    assert why(give(now, ChangePhase(agreement=SHA, phase="full", after=last(now)), *ARVENA)) == "suspended"
    lower = moved(now, Resume(agreement=SHA, phase="warning_only", after=last(now)), *ARVENA)
    assert standing.phase_at(lower.agreements[KEY], HALF) is Phase.WARNING_ONLY
    again = moved(now, Resume(agreement=SHA, phase="interim", after=last(now)), *ARVENA)
    assert why(give(again, Resume(agreement=SHA, phase="interim", after=last(again)), *ARVENA)) == "not_suspended"


def test_a_suspension_is_not_hindered_by_what_came_at_the_same_moment():
    """It may follow any statement since the agreement was put in force; nothing else may."""
    first = active()
    full = moved(first, ChangePhase(agreement=SHA, phase="full", after=last(first)), *ARVENA)
    late = moved(full, Suspend(agreement=SHA, after=last(first)), "belora.watch")
    assert standing.phase_at(late.agreements[KEY], HALF) is Phase.SUSPENDED
    assert why(give(full, ChangePhase(agreement=SHA, phase="interim", after=last(first)), *ARVENA)) == "stale"


def test_an_old_suspension_cannot_be_replayed_after_a_resumption():
    stop = Suspend(agreement=SHA, after=last(active()))
    now = moved(active(), stop, "belora.watch")
    assert why(give(now, stop, "belora.watch")) == "already"
    again = moved(now, Resume(agreement=SHA, phase="interim", after=last(now)), *ARVENA)
    assert why(give(again, stop, "belora.watch")) == "stale"


def test_who_cannot_see_how_it_stands_can_still_stop_it_once():
    stop = Suspend(agreement=SHA, nonce="0a" * 16)
    now = moved(active(), stop, "belora.watch")
    assert standing.phase_at(now.agreements[KEY], HALF) is Phase.SUSPENDED
    again = moved(now, Resume(agreement=SHA, phase="interim", after=last(now)), *ARVENA)
    assert why(give(again, stop, "belora.watch")) == "already"
    assert moved(again, Suspend(agreement=SHA, nonce="0b" * 16), "belora.watch")
    assert why(give(active(), ChangePhase(agreement=SHA, phase="full"), *ARVENA)) == "stale", "nothing else may"


def test_a_statement_names_an_agreement_that_stands():
    for one in (Suspend(agreement="00" * 32), Resume(agreement="00" * 32, phase="full")):
        assert why(give(active(), one, *ARVENA)) == "not_active"


def test_after_the_end_nothing_is_resumed():
    now = moved(active(), Suspend(agreement=SHA, after=last(active())), "belora.watch")
    wanted = Resume(agreement=SHA, phase="interim", after=last(now))
    assert why(give(now, wanted, *ARVENA, now_ns=ONE.document.not_after_ns)) == "expired"


WORDS = st.sampled_from(["warning_only", "interim", "full"])
STEPS = st.lists(st.tuples(st.sampled_from(["phase", "suspend", "resume", "replay"]), WORDS, st.booleans()), max_size=8)


@settings(max_examples=60)
@given(STEPS)
def test_however_it_is_driven_only_two_persons_ever_let_more_out(steps):
    now, given_before = active("warning_only"), []
    for kind, word, two in steps:
        who = ARVENA if two else ("arvena.chief",)
        made = {
            "phase": ChangePhase(agreement=SHA, phase=word, after=last(now)),
            "suspend": Suspend(agreement=SHA, after=last(now)),
            "resume": Resume(agreement=SHA, phase=word, after=last(now)),
            "replay": given_before[-1] if given_before else Suspend(agreement=SHA, after="00" * 32),
        }[kind]
        found = give(now, made, *who)
        if isinstance(found, Refusal):
            continue
        was, is_now = (standing.phase_at(x.agreements[KEY], HALF) for x in (now, found))
        assert kind != "replay"
        assert two or is_now <= was
        given_before.append(made)
        now = found
        assert standing.load(msgspec.json.decode(msgspec.json.encode(standing.dump(now)))) == now


# never_to


def agreement(releaser: str, recipient: str, *onward: str, own_only: bool = False) -> Agreement:
    when = When(originator=("own",)) if own_only else When()
    rules = (Rule(id="a", effect="permit", when=when),)
    return Agreement(
        id="x",
        title="",
        releaser=releaser,
        recipient=recipient,
        not_before="",
        not_after="",
        onward=onward,
        rules=rules,
    )


@pytest.mark.parametrize(
    ("one", "known", "path"),
    [
        (agreement("a", "d"), (), ("a", "d")),  # direct
        (agreement("a", "b", "d"), (), ("a", "b", "d")),  # brokered
        (agreement("a", "b"), (agreement("b", "d"),), ("a", "b", "d")),  # fused
        (agreement("a", "b"), (agreement("b", "c"), agreement("c", "e", "d")), ("a", "b", "c", "e", "d")),
        (agreement("a", "b"), (agreement("b", "c", "d"),), ("a", "b", "c", "d")),
        (agreement("a", "b"), (agreement("b", "d", own_only=True),), ()),  # only what is its own
        (agreement("a", "b", "d"), (agreement("b", "d", own_only=True),), ("a", "b", "d")),
        (agreement("a", "b"), (agreement("b", "a"), agreement("a", "c")), ()),  # through oneself is no path
        (agreement("a", "b"), (agreement("c", "d"),), ()),
    ],
)
def test_row_18_never_to_is_found_on_direct_brokered_and_fused_paths(one, known, path):
    assert never.reaches(one, known, ("d",)) == path
    assert (never.blocks(one, known, ("d",)) is None) == (path == ())
    assert never.reaches(one, known, ()) == ()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=10))
def test_a_path_is_found_exactly_where_one_is(pairs):
    """The oracle: repeat the hop until nothing is new."""
    known = [agreement(x, y) for x, y in pairs if x != y]
    there = {"b"}
    for _ in range(6):
        there |= {one.recipient for one in known if one.releaser in there and one.releaser != "a"}
    found = never.reaches(agreement("a", "b"), known, ("e",))
    assert bool(found) == ("e" in there)
    assert not found or (found[0], found[-1]) == ("a", "e")
    links = {(one.releaser, one.recipient) for one in known} | {("a", "b")}
    assert all(pair in links for pair in itertools.pairwise(found))


def test_row_18_never_to_blocks_activation_and_resumption():
    wanted = Activate(agreement=SHA, phase="full")
    found = give(standing.init(), wanted, *ARVENA, never_to=("corvia",))
    assert why(found) == "never_to"
    assert isinstance(found, Refusal)
    assert "arvena → belora → corvia" in found.sentence
    now = moved(active(), Suspend(agreement=SHA, after=last(active())), "belora.watch")
    again = Resume(agreement=SHA, phase="interim", after=last(now))
    assert why(give(now, again, *ARVENA, never_to=("corvia",))) == "never_to"


def test_never_to_is_a_guard_of_the_releasers_own_node():
    """Belora's node may know of Arvena's agreement; Belora's own list says nothing about it."""
    assert moved(standing.init(), Activate(agreement=SHA, phase="full"), *ARVENA, never_to=("corvia",), own="belora")


def test_never_bits_are_those_of_the_book():
    book = Codebook((), (), ("arvena", "belora", "corvia"))
    assert never.never_bits(("corvia", "belora", "elsewhere"), book) == 0b110
    assert never.never_bits((), book) == 0


# What else persons decide


def test_row_24_one_person_of_the_releaser_recalls():
    wanted = Recall(stream=KEY, tracks=("7",), to_ns="9")
    now = moved(standing.init(), wanted, "arvena.chief")
    assert why(give(now, wanted, "arvena.chief")) == "already"
    assert why(give(now, Recall(stream=KEY, tracks=("8",), to_ns="9"), "arvena.chief")) == "stale"
    again = Recall(stream=KEY, tracks=("8",), to_ns="9", after=now.heads["recall/" + KEY])
    assert moved(now, again, "arvena.minister")
    assert why(give(now, wanted, "belora.watch")) == "not_authorised"


@pytest.mark.parametrize(
    ("wanted", "slug"),
    [
        (Recall(stream="belora>arvena", tracks=("7",), to_ns="9"), "unknown_stream"),
        (Recall(stream="arvena>elsewhere", tracks=("7",), to_ns="9"), "unknown_stream"),
        (Recall(stream=KEY, tracks=("7",), from_ns="10", to_ns="9"), "malformed"),
        (Recall(stream=KEY, tracks=("7", "all"), to_ns="9"), "malformed"),
        (Receipt(stream=KEY, next="1", root="00" * 32, size="1"), "not_a_command"),
        (HoldLift(name="case"), "unknown_hold"),
        (DirectoryUpdate(version=3, sha256="00" * 32), "older_directory"),
        (KeyRotate(partner="arvena", purpose="ledger", old="00" * 32, new=""), "unknown_key"),
        (KeyRotate(partner="belora", purpose="agreement", old=public("belora"), new="11" * 32), "not_authorised"),
        (KeyRotate(partner="arvena", purpose="agreement", old=public("arvena"), new="11" * 32), "old_key_missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(wanted, slug):
    assert why(give(standing.init(), wanted, *ARVENA)) == slug


def test_a_legal_hold_takes_two_to_place_and_two_to_lift():
    wanted = HoldPlace(name="case", originator="arvena", tracks=("all",), to_ns="9", reason="court")
    assert why(give(standing.init(), wanted, "arvena.chief")) == "capacity_missing"
    now = moved(standing.init(), wanted, *ARVENA)
    assert now.holds["case"].tracks == ("all",)
    assert why(give(now, HoldPlace(name="case", originator="arvena", tracks=("1",), to_ns="9"), *ARVENA)) == "already"
    lift = HoldLift(name="case", after=now.heads["hold/case"])
    assert why(give(now, lift, "arvena.minister")) == "capacity_missing"
    free = moved(now, lift, *ARVENA)
    assert free.holds == {}
    assert why(give(free, wanted, *ARVENA)) == "stale"


def test_a_key_is_followed_by_another_with_the_old_one_and_two_persons():
    for purpose, key in (("agreement", "arvena"), ("ledger", "arvena/ledger")):
        wanted = KeyRotate(partner="arvena", purpose=purpose, old=public(key), new="11" * 32)
        text = statements.canonical(wanted)
        from tests.doubles.persons import key_of

        old = statements.signed(text, bytes.fromhex(public(key)), key_of(key).sign, node="arvena")
        both = msgspec.json.decode(signed(wanted, *ARVENA), type=statements.Envelope).signatures
        found = statements.verify(statements.envelope(text, (*both, old)), DIRECTORY)
        assert isinstance(found, Verified), found
        assert isinstance(standing.apply(standing.init(), found, DIRECTORY, {}, (), HALF, "arvena"), Standings)


def test_a_partners_key_is_revoked_by_two_of_our_own():
    wanted = KeyRotate(partner="belora", purpose="agreement", old=public("belora"), new="")
    assert moved(standing.init(), wanted, *ARVENA).heads
    assert why(give(standing.init(), wanted, "arvena.minister")) == "capacity_missing"
    person = KeyRotate(partner="belora", purpose="person", person="belora.watch", old=public("belora.watch"), new="")
    assert moved(standing.init(), person, *ARVENA).heads


def test_a_revoked_key_signs_nothing_any_more():
    wanted = KeyRotate(partner="belora", purpose="person", person="belora.watch", old=public("belora.watch"), new="")
    now = moved(active(), wanted, *ARVENA)
    assert now.revoked == (public("belora.watch"),)
    assert why(give(now, Suspend(agreement=SHA, after=last(now)), "belora.watch")) == "revoked_key"
    assert moved(now, Suspend(agreement=SHA, after=last(now)), "belora.minister").revoked == now.revoked


def test_the_rest_takes_two_and_follows_its_own_chain():
    now = moved(standing.init(), DirectoryUpdate(version=4, sha256="00" * 32), *ARVENA)
    now = moved(now, LedgerEpoch(origin="arvena", epoch=2, old_size="7", old_root="00" * 32), *ARVENA)
    assert set(now.heads) == {"directory", "ledger"}
    more = LedgerEpoch(origin="arvena", epoch=3, old_size="7", old_root="00" * 32)
    assert why(give(now, more, *ARVENA)) == "stale"


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(standing, "HEADS_MAX", 1)
    monkeypatch.setattr(standing, "HOLDS_MAX", 1)
    now = moved(standing.init(), HoldPlace(name="a", originator="arvena", tracks=("all",), to_ns="9"), *ARVENA)
    assert why(give(now, HoldPlace(name="b", originator="arvena", tracks=("all",), to_ns="9"), *ARVENA)) == "too_many"
    assert why(give(now, Recall(stream=KEY, tracks=("1",), to_ns="9"), *ARVENA)) == "too_many"


def test_only_the_node_itself_says_what_it_erased_and_each_word_counts_once():
    said = RetentionErased(originator="belora", before_ns="7", count="3")
    assert why(give(standing.init(), said, "belora")) == "not_authorised"
    assert why(give(standing.init(), said, *ARVENA)) == "not_authorised"
    now = moved(standing.init(), said, "arvena")
    assert now.agreements == now.holds == {}
    assert why(give(now, said, "arvena")) == "already"
    assert why(give(now, RetentionErased(originator="belora", before_ns="8", count="3"), "arvena")) == "stale"
    moved(now, RetentionErased(originator="corvia", before_ns="8", count="3"), "arvena")
