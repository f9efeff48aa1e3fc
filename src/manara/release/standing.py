"""How agreements stand: a pure state machine, moved by verified statements only.

Each statement names in ``after`` the last one about the same subject, so that none can be replayed, whatever the
clocks say. One exception, towards safety: a suspension may follow any statement since the agreement was last put in
force, so that two persons who act at the same moment do not hinder each other; or none at all, so that a person who
cannot see how the agreement stands can still stop it, each such statement once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from manara.records.agreement import Phase
from manara.records.directory import Directory, Partner
from manara.release import handover
from manara.release import statements as st
from manara.release.document import Admitted, awaited
from manara.release.never import blocks
from manara.release.phases import NEEDS, Needs, phase_name, phase_of
from manara.release.statements import Refusal, Verified

SINCE_MAX = 64
SPENT_MAX = 1_024
HOLDS_MAX = 256
HEADS_MAX = 4_096


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One direction. ``phase`` as last decided; ``before``: to what a resumption may lead at most. ``since``: the
    statements since it was last put in force, the last included. ``spent``: suspensions that followed nothing."""

    agreement: str
    releaser: str
    recipient: str
    edition: int
    phase: str
    before: str
    since_ns: int
    not_before_ns: int
    not_after_ns: int
    last: str
    since: tuple[str, ...]
    by: tuple[str, ...]
    reason: str = ""
    spent: tuple[str, ...] = ()

    @property
    def direction(self) -> str:
        """``releaser>recipient``."""
        return f"{self.releaser}>{self.recipient}"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A legal hold in force. ``tracks``: numbers, or the one word all."""

    name: str
    originator: str
    tracks: tuple[str, ...]
    from_ns: int
    to_ns: int
    reason: str
    by: tuple[str, ...]


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that statements of persons have decided. ``heads``: the last statement of each subject. ``revoked``:
    keys that count no more, whatever the directory still says: revoked, or followed by another."""

    agreements: dict[str, Standing] = {}
    holds: dict[str, Hold] = {}
    heads: dict[str, str] = {}
    revoked: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement is judged by: what the node knows at that moment. ``own``: this node's partner."""

    own: str
    directory: Directory
    documents: Mapping[str, Admitted]
    never_to: tuple[str, ...] = ()
    now_ns: int = 0


def init() -> Standings:
    """Nothing has been decided: nothing is released."""
    return Standings()


def dump(standings: Standings) -> dict[str, Any]:
    """Plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(standings)
    return plain


def load(plain: dict[str, Any]) -> Standings:
    """Take what ``dump`` gave."""
    return msgspec.convert(plain, Standings)


def phase_at(standing: Standing | None, now_ns: int) -> Phase:
    """The phase that counts now: before its begin and from its end on an agreement is suspended."""
    if standing is None or not standing.not_before_ns <= now_ns < standing.not_after_ns:
        return Phase.SUSPENDED
    return phase_of(standing.phase) or Phase.SUSPENDED


def apply(
    standings: Standings,
    verified: Verified,
    directory: Directory,
    documents: Mapping[str, Admitted],
    never_to: Iterable[str],
    now_ns: int,
    own: str,
) -> Standings | Refusal:
    """What stands after a statement, or why it changes nothing. ``documents``: by hash, those with their signatures
    that the node holds, the ones that came with this statement included."""
    place = Place(own=own, directory=directory, documents=documents, never_to=tuple(never_to), now_ns=now_ns)
    for one in verified.persons:
        if one.key in standings.revoked:
            return Refusal("revoked_key", f"The key of {one.id} was revoked.")
    match verified.statement:
        case st.Activate() as wanted:
            return _activate(wanted, standings, verified, place)
        case st.ChangePhase() as wanted:
            return _change(wanted, standings, verified, place)
        case st.Suspend() as wanted:
            return _suspend(wanted, standings, verified, place)
        case st.Resume() as wanted:
            return _resume(wanted, standings, verified, place)
    return _apart(standings, verified, place)


def _apart(standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    """Statements that are not about the phase of an agreement."""
    match verified.statement:
        case st.Recall() as wanted:
            return _recall(wanted, standings, verified, place)
        case st.HoldPlace() as wanted:
            return _hold(wanted, standings, verified, place)
        case st.HoldLift() as wanted:
            return _lift(wanted, standings, verified, place)
        case st.DirectoryUpdate() as wanted:
            return _renew(wanted, standings, verified, place)
        case st.KeyRotate() as wanted:
            return _rotate(wanted, standings, verified, place)
        case st.LedgerEpoch() | st.CapabilityChange():
            return _of_own(standings, verified, place)
        case st.RetentionErased() | st.BrokerHops():
            return _erased(standings, verified, place)
        case st.RecallDone() as wanted:
            return _recall_done(wanted, standings, verified, place)
    return _between(standings, verified, place)


def _between(standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    """What passes between two desks."""
    match verified.statement:
        case st.HandoverOffer() as wanted:
            refused = handover.ours(wanted, verified, place.own, place.directory)
            return refused or (standings if verified.nodes else _chained(standings, verified))
        case st.HandoverDecide() as wanted:
            return handover.ours(wanted, verified, place.own, place.directory) or standings
        case st.HandoverAnswer() | st.WarningTaken() as said:
            return handover.theirs(said.stream, verified, place.own) or standings
    word = st.type_of(verified.statement)
    return Refusal("not_a_command", f"{word} is said by nodes, not handed in by persons.")


def subject(statement: st.AnyStatement, direction: str = "") -> str:
    """What a statement is about: statements of one subject follow one another. ``direction``: of its agreement.

    >>> subject(st.HoldLift(name="case-7")), subject(st.Suspend(agreement="00" * 32), "arvena>belora")
    ('hold/case-7', 'agreement/arvena>belora')
    """
    match statement:
        case st.Recall():
            return f"recall/{statement.stream}"
        case st.HoldPlace() | st.HoldLift():
            return f"hold/{statement.name}"
        case st.KeyRotate():
            return f"key/{statement.partner}/{statement.purpose}/{statement.person}"
        case st.DirectoryUpdate():
            return "directory"
        case st.LedgerEpoch():
            return "ledger"
        case st.CapabilityChange():
            return f"capability/{statement.id}"
        case st.RetentionErased():
            return f"retention/{statement.originator}"
        case st.BrokerHops():
            return f"broker/{statement.recipient}"
        case st.HandoverOffer():
            return f"handover/{statement.stream}"
    return f"agreement/{direction}"


def _signed_enough(verified: Verified, needs: Needs, partners: tuple[str, ...]) -> Refusal | None:
    there = frozenset[str]().union(*(verified.capacities(one) for one in partners))
    whose = " or ".join(partners)
    if not there:
        return Refusal("not_authorised", f"Nobody of {whose} has signed this.")
    missing = [one for one in needs.capacities if one not in there]
    if missing:
        return Refusal("capacity_missing", f"The signature for {' and for '.join(missing)} of {whose} is missing.")
    return None


def _follows(verified: Verified, last: str) -> Refusal | None:
    if verified.sha256 == last:
        return Refusal("already", "This very statement was taken before.")
    if verified.statement.after != last:
        said = f"the last one is {last}" if last else "there was none yet"
        return Refusal("stale", f"Another statement was taken in between ({said}); look at it and sign anew.")
    return None


def _people(verified: Verified) -> tuple[str, ...]:
    return tuple(one.id for one in verified.persons)


# Agreements


def _activate(wanted: st.Activate, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    admitted = place.documents.get(wanted.agreement)
    if admitted is None:
        return Refusal("unknown_agreement", f"There is no agreement {wanted.agreement[:16]}… here.")
    one = admitted.document.agreement
    direction = f"{one.releaser}>{one.recipient}"
    old = standings.agreements.get(direction)
    refused = (
        _whole(admitted)
        or _signed_enough(verified, NEEDS["agreement.activate"], (one.releaser,))
        or _follows(verified, old.last if old else "")
        or _replaces(old, admitted)
        or _in_time(admitted.document.not_after_ns, place.now_ns)
        or _guarded(admitted, place)
    )
    if refused:
        return refused
    made = Standing(
        agreement=wanted.agreement,
        releaser=one.releaser,
        recipient=one.recipient,
        edition=one.edition,
        phase=wanted.phase,
        before=wanted.phase,
        since_ns=place.now_ns,
        not_before_ns=admitted.document.not_before_ns,
        not_after_ns=admitted.document.not_after_ns,
        last=verified.sha256,
        since=(verified.sha256,),
        by=_people(verified),
    )
    return _with(standings, made)


def _whole(admitted: Admitted) -> Refusal | None:
    missing = awaited(admitted.document.agreement, admitted.persons)
    if not missing:
        return None
    return Refusal("document_unsigned", f"The document is not signed by all: {', '.join(missing)} still must.")


def _replaces(old: Standing | None, admitted: Admitted) -> Refusal | None:
    if old is None:
        return None
    if old.agreement == admitted.document.sha256:
        return Refusal(
            "already", f"This agreement stands already, in phase {old.phase}; change its phase or resume it."
        )
    edition = admitted.document.agreement.edition
    if edition <= old.edition:
        return Refusal("older_edition", f"Edition {edition} does not replace edition {old.edition}; give it a higher.")
    return None


def _in_time(not_after_ns: int, now_ns: int) -> Refusal | None:
    return Refusal("expired", "The agreement has ended; agree on a new edition.") if now_ns >= not_after_ns else None


def _guarded(admitted: Admitted, place: Place) -> Refusal | None:
    one = admitted.document.agreement
    if one.releaser != place.own:
        return None
    return blocks(one, (other.document.agreement for other in place.documents.values()), place.never_to)


def _standing(standings: Standings, agreement: str) -> Standing | Refusal:
    found = next((one for one in standings.agreements.values() if one.agreement == agreement), None)
    return found or Refusal("not_active", f"The agreement {agreement[:16]}… does not stand here.")


def _change(wanted: st.ChangePhase, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    old = _standing(standings, wanted.agreement)
    if isinstance(old, Refusal):
        return old
    refused = (
        _signed_enough(verified, NEEDS["agreement.phase"], (old.releaser,))
        or _follows(verified, old.last)
        or _in_time(old.not_after_ns, place.now_ns)
    )
    if refused:
        return refused
    if old.phase == phase_name(Phase.SUSPENDED):
        return Refusal("suspended", "The agreement is suspended; resume it.")
    if old.phase == wanted.phase:
        return Refusal("already", f"The agreement is in phase {old.phase} already.")
    return _moved(standings, old, verified, place, wanted.phase, wanted.phase, old.since)


def _suspend(wanted: st.Suspend, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    old = _standing(standings, wanted.agreement)
    if isinstance(old, Refusal):
        return old
    refused = _signed_enough(verified, NEEDS["agreement.suspend"], (old.releaser, old.recipient))
    if refused:
        return refused
    if verified.sha256 in old.spent:
        return Refusal("already", "This very statement was taken before; sign a new one.")
    if verified.sha256 in old.since or old.phase == phase_name(Phase.SUSPENDED):
        return Refusal("already", "The agreement is suspended already.")
    if not wanted.after:
        old = msgspec.structs.replace(old, spent=(*old.spent, verified.sha256)[-SPENT_MAX:])
    elif wanted.after not in old.since:
        return Refusal("stale", f"The agreement was put in force anew since; the last statement is {old.last}.")
    return _moved(standings, old, verified, place, phase_name(Phase.SUSPENDED), old.phase, old.since, wanted.reason)


def _resume(wanted: st.Resume, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    old = _standing(standings, wanted.agreement)
    if isinstance(old, Refusal):
        return old
    admitted = place.documents.get(old.agreement)
    refused = (
        _signed_enough(verified, NEEDS["agreement.resume"], (old.releaser,))
        or _follows(verified, old.last)
        or _in_time(old.not_after_ns, place.now_ns)
        or (_guarded(admitted, place) if admitted else None)
    )
    if refused:
        return refused
    if old.phase != phase_name(Phase.SUSPENDED):
        return Refusal("not_suspended", f"The agreement is in phase {old.phase}; there is nothing to resume.")
    if (phase_of(wanted.phase) or 0) > (phase_of(old.before) or 0):
        return Refusal("too_high", f"It was in phase {old.before} before; resume that, then change the phase.")
    return _moved(standings, old, verified, place, wanted.phase, wanted.phase, (), wanted.reason)


def _moved(
    standings: Standings,
    old: Standing,
    verified: Verified,
    place: Place,
    phase: str,
    before: str,
    since: tuple[str, ...],
    reason: str = "",
) -> Standings:
    made = msgspec.structs.replace(
        old,
        phase=phase,
        before=before,
        since_ns=place.now_ns,
        last=verified.sha256,
        since=(*since, verified.sha256)[-SINCE_MAX:],
        by=_people(verified),
        reason=reason,
    )
    return _with(standings, made)


def _with(standings: Standings, made: Standing) -> Standings:
    return msgspec.structs.replace(
        standings,
        agreements={**standings.agreements, made.direction: made},
        heads={**standings.heads, f"agreement/{made.direction}": made.last},
    )


# Everything else that persons decide


def _of_own(standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    """A statement of this node's own persons, in its place in the chain of its subject."""
    needs = NEEDS[st.type_of(verified.statement)]
    return _signed_enough(verified, needs, (place.own,)) or _chained(standings, verified)


def _chained(standings: Standings, verified: Verified) -> Standings | Refusal:
    about = subject(verified.statement)
    refused = _follows(verified, standings.heads.get(about, ""))
    if refused:
        return refused
    if about not in standings.heads and len(standings.heads) >= HEADS_MAX:
        return Refusal("too_many", f"Statements about more than {HEADS_MAX} subjects are not kept.")
    return msgspec.structs.replace(standings, heads={**standings.heads, about: verified.sha256})


def _erased(standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    """This node's own word of what it erased or carried: nobody decides by it, it is kept on the record."""
    if verified.nodes != (place.own,):
        return Refusal("not_authorised", f"Only the node of {place.own} itself says what it erased or carried.")
    return _chained(standings, verified)


def _recall(wanted: st.Recall, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    releaser, _, recipient = wanted.stream.partition(">")
    if releaser != place.own or place.directory.partner(recipient.partition("/")[0]) is None:
        return Refusal("unknown_stream", f"{wanted.stream} is no stream of {place.own}: write {place.own}>partner.")
    if int(wanted.from_ns) > int(wanted.to_ns) or ("all" in wanted.tracks and len(wanted.tracks) > 1):
        return Refusal("malformed", "A recall names tracks or the one word all, and a time that ends after it begins.")
    return _of_own(standings, verified, place)


def _recall_done(wanted: st.RecallDone, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    """A recipient's node has carried out a recall: nothing is decided by it, it is kept on the record, once."""
    releaser, _, rest = wanted.stream.partition(">")
    about = f"recall.done/{wanted.stream}"
    if releaser != place.own or verified.nodes != (rest.partition("/")[0],):
        return Refusal("not_authorised", f"Only the recipient's node says what it erased of {wanted.stream}.")
    if standings.heads.get(about) == verified.sha256:
        return Refusal("already", "This very statement was taken before.")
    if about not in standings.heads and len(standings.heads) >= HEADS_MAX:
        return Refusal("too_many", f"Statements about more than {HEADS_MAX} subjects are not kept.")
    return msgspec.structs.replace(standings, heads={**standings.heads, about: verified.sha256})


def _hold(wanted: st.HoldPlace, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    if wanted.name in standings.holds:
        return Refusal("already", f"There is a hold of the name {wanted.name} already.")
    if len(standings.holds) >= HOLDS_MAX:
        return Refusal("too_many", f"At most {HOLDS_MAX} holds stand at a time.")
    found = _of_own(standings, verified, place)
    if isinstance(found, Refusal):
        return found
    made = Hold(
        name=wanted.name,
        originator=wanted.originator,
        tracks=wanted.tracks,
        from_ns=int(wanted.from_ns),
        to_ns=int(wanted.to_ns),
        reason=wanted.reason,
        by=_people(verified),
    )
    return msgspec.structs.replace(found, holds={**found.holds, made.name: made})


def _lift(wanted: st.HoldLift, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    if wanted.name not in standings.holds:
        return Refusal("unknown_hold", f"There is no hold of the name {wanted.name}.")
    found = _of_own(standings, verified, place)
    if isinstance(found, Refusal):
        return found
    return msgspec.structs.replace(found, holds={k: v for k, v in found.holds.items() if k != wanted.name})


def _renew(wanted: st.DirectoryUpdate, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    if wanted.version <= place.directory.version:
        return Refusal("older_directory", f"Version {wanted.version} does not replace {place.directory.version}.")
    return _of_own(standings, verified, place)


def _rotate(wanted: st.KeyRotate, standings: Standings, verified: Verified, place: Place) -> Standings | Refusal:
    partner = place.directory.partner(wanted.partner)
    if partner is None or wanted.old not in _keys(partner, wanted, place.directory):
        return Refusal("unknown_key", f"The old key is no {wanted.purpose} key of {wanted.partner}.")
    if wanted.new and (wanted.partner != place.own or wanted.new == wanted.old):
        return Refusal("not_authorised", "Only one's own keys are followed by new ones; others' are revoked.")
    if wanted.new and wanted.purpose != "person" and wanted.partner not in verified.nodes:
        return Refusal("old_key_missing", "The old key must sign too.")
    if len(standings.revoked) >= HEADS_MAX:
        return Refusal("too_many", f"More than {HEADS_MAX} keys have been revoked; a new directory is due.")
    found = _of_own(standings, verified, place)
    if isinstance(found, Refusal):
        return found
    return msgspec.structs.replace(found, revoked=(*found.revoked, wanted.old))


def _keys(partner: Partner, wanted: st.KeyRotate, directory: Directory) -> tuple[str, ...]:
    if wanted.purpose == "person":
        person = directory.person(wanted.person)
        return (person.key,) if person and person.partner == partner.id else ()
    return (partner.tls_sha256 if wanted.purpose == "tls" else getattr(partner, f"{wanted.purpose}_key"),)
