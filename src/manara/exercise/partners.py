"""Fictional partners made whole: for each a folder with keys, people, the directory, agreements and a configuration.

::

    <folder>/arvena/arvena.toml                      the node's configuration, beside it:
                    directory.toml                   partners whom it knows: the same bytes for all who know the same
                    keys/                            of the node
                    people/arvena.policy.key …       of persons, one file each
                    arvena-belora.toml, .toml.sig …  agreements of both directions, signed by all who are named
                    arvena.node/                     what the node keeps; in its spool the statement, signed by two,
                                                     that puts what it lets the other have in force
"""

from __future__ import annotations

import secrets
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from manara.exercise import toml, treaty
from manara.host import agreements, commands, directory, files, keys
from manara.host.keys import NodeKeys, Signer
from manara.records.config import NodeConfig
from manara.records.directory import Directory, Partner, Person
from manara.records.sensors import FeedConfig
from manara.release import statements
from manara.release.document import Document
from manara.release.statements import Activate
from manara.study.areas import areas
from manara.study.scenario import Scenario, alias, relations
from manara.study.world import feeds, sensors


@dataclass(frozen=True)
class Member:
    """One partner of an exercise. ``people``: person -> key file."""

    id: str
    name: str
    folder: Path
    keys: NodeKeys
    people: Mapping[str, Path]
    link_port: int
    name_ar: str = ""

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / f"{self.id}.toml"

    @property
    def kept(self) -> Path:
        """The folder in which its node keeps everything."""
        return self.folder / f"{self.id}.node"


@dataclass(frozen=True)
class Made:
    """Everybody, and the documents that they share. ``agreements``: (releaser, recipient) by id."""

    scenario: Scenario
    directory: Directory
    members: Mapping[str, Member]
    agreements: Mapping[tuple[str, str], Document]


def make(folder: Path, scenario: Scenario, names: Sequence[str], link_ports: Mapping[str, int]) -> Made:
    """Folders for the named partners of a scenario in which each has channels of its own (``scenario.apart``), and
    agreements for those of them who share. ``Made.directory`` knows everybody; each member's file whom it knows.
    ``link_ports``: name -> port on loopback where its streams are fetched. Raises BadInput, ValueError."""
    members = {alias(name): _member(folder / alias(name), scenario, name, link_ports[name]) for name in names}
    listed = Directory(
        version=1,
        issued=scenario.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        partners=tuple(_partner(one) for one in members.values()),
        persons=tuple(person for one in members.values() for person in _persons(scenario, one)),
        areas=tuple(area for area in areas(scenario) if area.partner in members),
    )
    related = [tuple(members[alias(name)] for name in one.between) for one in relations(scenario, names)]
    pairs = [pair for a, b in related for pair in ((a, b), (b, a))]
    for member in members.values():
        known = {b.id for a, b in pairs if a is member} | {member.id}
        directory.write(member.folder / "directory.toml", _known(listed, known))
    texts = {(a.id, b.id): _agreed(scenario, listed, members, a, b) for a, b in pairs}
    return Made(scenario, listed, members, texts)


def _known(listed: Directory, known: Container[str]) -> Directory:
    """What a member's own copy says: nothing of partners to whom it has no relation, not even that they are there."""
    return msgspec.structs.replace(
        listed,
        partners=tuple(one for one in listed.partners if one.id in known),
        persons=tuple(one for one in listed.persons if one.partner in known),
        areas=tuple(one for one in listed.areas if one.partner in known),
    )


def _agreed(
    scenario: Scenario, listed: Directory, members: Mapping[str, Member], releaser: Member, recipient: Member
) -> Document:
    """The agreement of one direction, signed by everybody, in both folders."""
    one = treaty.agreement(scenario, listed, releaser.name, recipient.name)
    place = releaser.folder / f"{one.id}.toml"
    files.write(place, toml.text(one).encode())
    for who in one.signatories:
        agreements.sign(place, who.person, signer(members[who.partner], who.person), listed)
    for path in (place, agreements.sidecar_path(place)):
        files.write(recipient.folder / path.name, path.read_bytes())
    return agreements.load(place)


def activate(made: Made, releaser: str, recipient: str, phase: str) -> None:
    """Put what one lets the other have in force: a statement signed by two of the releaser's persons, handed in at its
    node, which takes it when it runs."""
    member, text = made.members[releaser], made.agreements[releaser, recipient]
    said = statements.canonical(Activate(agreement=text.sha256, phase=phase, nonce=secrets.token_hex(16)))
    who = {one.capacity: one.id for one in reversed(made.directory.persons) if one.partner == releaser}
    keyed = [(person, signer(member, person)) for person in who.values()]
    signed = [statements.signed(said, key.public(), key.sign, person=person) for person, key in keyed]
    attachment = agreements.attachment(member.folder / f"{text.agreement.id}.toml")
    name = f"activate-{text.agreement.id}"
    commands.offer(member.kept, name, statements.envelope(said, signed), (attachment,))


def configure(made: Made, partner: str, addresses: Mapping[str, str], base: NodeConfig) -> NodeConfig:
    """The configuration of one member, written beside its keys. ``addresses``: channel -> url; ``base``: what the
    exercise itself asks for (stale_s, desk_port)."""
    member = made.members[partner]
    config = msgspec.structs.replace(
        base,
        name=member.id,
        title=member.name,
        feeds=tuple(_addressed(feed, addresses) for feed in feeds(made.scenario, member.name)),
        sensors=sensors(made.scenario, member.name),
        partner=member.id,
        directory="directory.toml",
        keys="keys",
        link_listen=f"https://127.0.0.1:{member.link_port}",
    )
    files.write(member.config, toml.text(config).encode())
    return config


def _addressed(feed: FeedConfig, addresses: Mapping[str, str]) -> FeedConfig:
    return msgspec.structs.replace(feed, url=addresses[feed.name])


def _member(folder: Path, scenario: Scenario, name: str, port: int) -> Member:
    own = keys.load_or_make(folder / "keys", alias(name))
    (folder / "people").mkdir(mode=0o700, exist_ok=True)
    people = {}
    for person, _ in _named(scenario, name):
        people[person] = folder / "people" / f"{person}.key"
        keys.make_signer(people[person])
    name_ar = next(one.name_ar for one in scenario.partner if one.name == name)
    return Member(alias(name), name, folder, own, people, port, name_ar)


def _named(scenario: Scenario, partner: str) -> list[tuple[str, Person]]:
    """Ids of a partner's persons and what the scenario says of them; one for policy and one for operations where it
    says nothing."""
    home = alias(partner)
    said = [
        (one.capacity, one.name, one.name_ar, one.office, one.office_ar)
        for one in scenario.person
        if one.partner == partner
    ]
    for capacity, office, office_ar in (("policy", "Policy", "السياسات"), ("operational", "Watch", "المناوبة")):
        if not any(one[0] == capacity for one in said):
            said.append((capacity, f"{office} of {partner}", "", office, office_ar))
    out: list[tuple[str, Person]] = []
    for capacity, name, name_ar, office, office_ar in said:
        before = sum(1 for _, one in out if one.capacity == capacity)
        person = f"{home}.{capacity}" + (f"-{before + 1}" if before else "")
        out.append(
            (
                person,
                Person(
                    id=person,
                    partner=home,
                    name=name,
                    name_ar=name_ar,
                    office=office,
                    office_ar=office_ar,
                    capacity=capacity,
                    key="",
                ),
            )
        )
    return out


def _persons(scenario: Scenario, member: Member) -> list[Person]:
    return [
        msgspec.structs.replace(one, key=signer(member, person).public().hex())
        for person, one in _named(scenario, member.name)
    ]


def signer(member: Member, person: str) -> Signer:
    """The key of one of its persons."""
    return keys.load_signer(member.people[person])


def _partner(member: Member) -> Partner:
    return Partner(
        id=member.id,
        name=member.name,
        name_ar=member.name_ar,
        url=f"https://127.0.0.1:{member.link_port}",
        tls_certificate=member.keys.tls_certificate.read_text("ascii"),
        **member.keys.fingerprints(),
    )
