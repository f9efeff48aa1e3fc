"""Fictional partners: what is made is what a node, a signatory and a sceptic need."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from manara.exercise import demo, partners, treaty
from manara.host import commands, config, directory, keys
from manara.records.config import NodeConfig
from manara.release import document, standing, statements
from manara.study import scenario as scenarios
from manara.study.scenario import Scenario
from manara.study.world import feeds


@pytest.fixture(scope="module")
def sea() -> Scenario:
    return scenarios.apart(scenarios.load(scenarios.find("lantern")))


@pytest.fixture(scope="module")
def made(sea: Scenario, tmp_path_factory: pytest.TempPathFactory) -> partners.Made:
    ports = {"Arvena": 4001, "Belora": 4002}
    return partners.make(tmp_path_factory.mktemp("partners"), sea, ("Arvena", "Belora"), ports)


def test_all_hold_the_same_directory_and_it_knows_their_keys(made: partners.Made) -> None:
    texts = {(one.folder / "directory.toml").read_bytes() for one in made.members.values()}
    assert len(texts) == 1
    listed = directory.load(made.members["arvena"].folder / "directory.toml").directory
    assert listed == made.directory
    for member in made.members.values():
        partner = listed.partner(member.id)
        assert partner is not None
        for field, value in keys.load_or_make(member.folder / "keys").fingerprints().items():
            assert getattr(partner, field) == value
        assert partner.url == f"https://127.0.0.1:{member.link_port}"
    assert {area.partner for area in listed.areas} == {"arvena", "belora"}


def test_persons_have_one_capacity_each_and_a_key_that_only_they_can_read(made: partners.Made) -> None:
    for member in made.members.values():
        own = [one for one in made.directory.persons if one.partner == member.id]
        assert {one.capacity for one in own} == {"policy", "operational"}
        for one in own:
            path = member.people[one.id]
            assert path.is_relative_to(member.folder)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert keys.load_signer(path).public().hex() == one.key
    everybody = [one.key for one in made.directory.persons]
    assert len(set(everybody)) == len(everybody) == 4


def test_agreements_are_signed_by_all_who_are_named_in_both_directions(made: partners.Made) -> None:
    assert set(made.agreements) == {("arvena", "belora"), ("belora", "arvena")}
    for (releaser, recipient), text in made.agreements.items():
        assert (text.agreement.releaser, text.agreement.recipient) == (releaser, recipient)
        assert document.against(text, made.directory) == ()
        for member in made.members.values():
            place = member.folder / f"{releaser}-{recipient}.toml"
            read = document.read(place.read_bytes())
            assert isinstance(read, document.Document)
            assert read.sha256 == text.sha256
            signed = document.signers(read, place.with_name(f"{place.name}.sig").read_bytes(), made.directory)
            assert isinstance(signed, tuple)
            assert document.awaited(read.agreement, signed) == ()


def test_the_scenario_lies_within_the_agreements(made: partners.Made, sea: Scenario) -> None:
    start_ns = scenarios.start_ns(sea)
    for text in made.agreements.values():
        assert text.not_before_ns < start_ns < text.not_after_ns
        assert text.agreement.no_use_of_force


def test_row_08_the_coast_radar_is_named_to_nobody(made: partners.Made, sea: Scenario) -> None:
    sources = made.agreements["arvena", "belora"].agreement.sources
    assert set(sources) == {feed.name for feed in feeds(sea, "Arvena")} - {"coast-arvena"}
    folder = made.members["belora"].folder
    assert not [one for one in folder.rglob("*") if one.is_file() and b"coast-arvena" in one.read_bytes()]


def test_no_private_key_is_in_a_neighbours_folder(made: partners.Made) -> None:
    for one in made.members.values():
        for other in made.members.values():
            if one is not other:
                mine = [path.read_bytes() for path in one.folder.rglob("*.key")]
                theirs = b"".join(path.read_bytes() for path in other.folder.rglob("*") if path.is_file())
                assert len(mine) == 7
                assert not [key for key in mine if key in theirs]


def test_the_configuration_is_one_that_a_node_takes(made: partners.Made, sea: Scenario) -> None:
    addresses = {feed.name: f"udp://127.0.0.1:{5000 + i}" for i, feed in enumerate(feeds(sea, "Belora"))}
    written = partners.configure(made, "belora", addresses, NodeConfig(stale_s=75.0))
    read = config.node_config(made.members["belora"].config)
    assert msgspec.json.encode(read) == msgspec.json.encode(written)
    assert (read.partner, read.stale_s, read.link_listen) == ("belora", 75.0, "https://127.0.0.1:4002")
    assert [feed.url for feed in read.feeds] == list(addresses.values())
    assert {sensor.name for sensor in read.sensors} == {"Belora radar"}


def test_a_scenario_that_names_nobody_still_has_people_to_sign(sea: Scenario, tmp_path: Path) -> None:
    nobody = msgspec.structs.replace(sea, person=())
    made = partners.make(tmp_path, nobody, ("Corvia", "Delmara"), {"Corvia": 1, "Delmara": 2})
    assert {one.id for one in made.directory.persons} == {
        f"{home}.{capacity}" for home in ("corvia", "delmara") for capacity in ("policy", "operational")
    }


def test_a_partner_without_waters_gets_no_sea(made: partners.Made, sea: Scenario) -> None:
    dry = msgspec.structs.replace(made.directory, areas=())
    rules = {rule.id for rule in treaty.agreement(sea, dry, "Arvena", "Belora").rules}
    assert rules == {"air", "means", "coverage", "warnings", "kept-close"}


def test_what_is_put_in_force_is_signed_by_the_two_who_may(made: partners.Made) -> None:
    partners.activate(made, "arvena", "belora", "full")
    member = made.members["arvena"]
    (command,) = commands.take(member.kept, 1)
    verified = statements.verify(command.envelope, made.directory)
    assert isinstance(verified, statements.Verified)
    assert verified.capacities("arvena") == {"policy", "operational"}
    assert verified.capacities("belora") == frozenset()
    admitted = document.admit(command.attachments[0], made.directory)
    assert isinstance(admitted, document.Admitted)
    assert document.awaited(admitted.document.agreement, admitted.persons) == ()
    now_ns = admitted.document.not_before_ns + 1
    stands = standing.apply(
        standing.init(), verified, made.directory, {admitted.document.sha256: admitted}, (), now_ns, "arvena"
    )
    assert not isinstance(stands, statements.Refusal)
    assert set(stands.agreements) == {"arvena>belora"}
    assert commands.take(made.members["belora"].kept, 1) == ()


@pytest.fixture(scope="module")
def four(sea: Scenario, tmp_path_factory: pytest.TempPathFactory) -> partners.Made:
    names = tuple(one.name for one in sea.partner)
    linked = msgspec.structs.replace(sea, relation=tuple(one for one in sea.relation if not one.via))
    return partners.make(tmp_path_factory.mktemp("four"), linked, names, {name: 4010 for name in names})


def test_only_who_is_related_has_agreements(four: partners.Made) -> None:
    assert {frozenset(pair) for pair in four.agreements} == {
        frozenset(pair)
        for pair in (("arvena", "belora"), ("arvena", "corvia"), ("belora", "corvia"), ("corvia", "delmara"))
    }


def test_who_has_no_relation_is_not_even_named(four: partners.Made) -> None:
    for one, strangers in {"arvena": ("delmara",), "belora": ("delmara",), "delmara": ("arvena", "belora")}.items():
        folder = four.members[one].folder
        whole = b"".join(path.read_bytes().lower() for path in folder.rglob("*") if path.is_file())
        assert one.encode() in whole
        for stranger in strangers:
            assert stranger.encode() not in whole
            certificate = four.members[stranger].keys.tls_certificate.read_bytes().lower()
            assert certificate[100:200] not in whole
    known = directory.load(four.members["corvia"].folder / "directory.toml").directory
    assert known == four.directory


def test_the_pair_that_is_brokered_agrees_and_neither_folder_leads_to_the_other(sea: Scenario, tmp_path: Path) -> None:
    names = tuple(one.name for one in sea.partner)
    made = partners.make(tmp_path, sea, names, {name: 4020 + place for place, name in enumerate(names)})
    for member in made.members:
        partners.configure(made, member, {feed.name: "tcp://127.0.0.1:9" for feed in feeds(sea)}, NodeConfig())
    demo.carry(made, sea, names)
    assert {("arvena", "delmara"), ("delmara", "arvena")} <= set(made.agreements)
    for own, other in (("arvena", "delmara"), ("delmara", "arvena")):
        member, stranger = made.members[own], made.members[other]
        row = directory.load(member.folder / "directory.toml").directory.partner(other)
        assert row is not None
        assert (row.url, row.tls_certificate) == ("", "")
        (line,) = config.node_config(member.config).broker
        assert (line.via, line.partner) == ("corvia", other)
        whole = b"".join(path.read_bytes() for path in member.folder.rglob("*") if path.is_file())
        assert f"127.0.0.1:{stranger.link_port}".encode() not in (member.folder / "directory.toml").read_bytes()
        assert stranger.keys.tls_certificate.read_bytes()[100:300] not in whole
    (carries,) = config.node_config(made.members["corvia"].config).carries
    assert carries.partners == ("arvena", "delmara")
