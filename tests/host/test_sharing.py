"""What shares beside a node: effects are done in order or owed, and the door knows who is who."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time

import msgspec
import pytest
from tests.doubles.certificates import certificate
from tests.doubles.two_processes import free_port, sea

from manara.exercise import partners
from manara.host import commands
from manara.host.clock import WallClock
from manara.host.door import BUSY, HEARD_MAX
from manara.host.log_store import MustNotSign
from manara.host.problems import BadInput
from manara.host.running import Face, Running
from manara.host.sharing import Sharing
from manara.ledger import checkpoint, evidence, note, witness
from manara.node.durable.outbox import effect_id
from manara.records.config import NodeConfig
from manara.records.inputs import (
    Answer,
    Answered,
    Command,
    Directed,
    LinkState,
    Publish,
    Published,
    Refused,
    Stepped,
    Views,
)
from manara.records.released import Entry
from manara.release import standing, statements
from manara.release.standing import Standing

NAMES = ("Arvena", "Belora", "Corvia")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> partners.Made:
    return partners.make(tmp_path_factory.mktemp("kit"), sea(), NAMES, {one: free_port() for one in NAMES})


def config_of(made: partners.Made, name: str, **more: object) -> NodeConfig:
    door = f"https://127.0.0.1:{made.members[name].link_port}"
    return NodeConfig(name=name, partner=name, directory="directory.toml", keys="keys", link_listen=door, **more)


@pytest.fixture
def share(kit, tmp_path):
    made = []

    def begin(name: str = "arvena", **more: object) -> Sharing:
        one = Sharing(config_of(kit, name, **more), kit.members[name].folder, tmp_path / name, time.time_ns)
        made.append(one)
        return one

    yield begin
    for one in made:
        one.close()


def publish(step: int, offset: int) -> Publish:
    head = b'{"kind":"heartbeat","offset":"%d","stream":"arvena>belora"}' % offset
    return Publish(effect_id(step, 0), step * 10**9, (Entry("arvena>belora", offset, head),))


def answer(step: int, name: str) -> Answer:
    return Answer(effect_id(step, 1), name, "", "")


def standings(*directions: str, revoked: tuple[str, ...] = ()) -> Views:
    agreements = {}
    for direction in directions:
        releaser, _, recipient = direction.partition(">")
        agreements[direction] = Standing(
            agreement="0" * 64, releaser=releaser, recipient=recipient, edition=1, phase="full", before="full",
            since_ns=0, not_before_ns=0, not_after_ns=1 << 62, last="", since=(), by=(),
        )  # fmt: skip
    made = msgspec.structs.replace(standing.init(), agreements=agreements, revoked=revoked)
    return Views(sequence=1, standings=msgspec.json.encode(standing.dump(made)))


def test_the_directory_is_the_first_that_a_step_gets(share, kit):
    (first,) = share().take()
    assert isinstance(first, Directed)
    assert first.directory == (kit.members["arvena"].folder / "directory.toml").read_bytes()


def must_not_sign(*_: object) -> Published:
    raise MustNotSign("a witness has seen more of it")


def test_effects_are_done_in_order_and_what_the_log_refuses_is_owed(share, monkeypatch):
    one = share()
    one.take()
    assert one.perform((publish(1, 0), answer(1, "first")))
    assert commands.answered(one.folder, "first") is not None
    monkeypatch.setattr(one.log, "publish", must_not_sign)
    assert not one.perform((publish(2, 1), answer(2, "second")))
    assert "a witness has seen more" in one.trouble
    assert commands.answered(one.folder, "second") is None, "an answer went out before what it answers was logged"
    assert not one.perform(())
    assert one.log.size == 1
    monkeypatch.undo()
    assert one.perform(())
    assert (one.trouble, one.log.size) == ("", 2)
    assert commands.answered(one.folder, "second") is not None
    assert [told.size for told in one.take() if isinstance(told, Published)] == [1, 2]


def test_an_effect_that_is_repeated_after_a_crash_is_logged_once(share):
    one = share()
    assert one.perform((publish(1, 0),))
    assert one.perform((publish(1, 0), publish(2, 1)))
    assert (one.log.size, one.log.heads()) == (2, {"arvena>belora": 2})


def test_the_log_of_another_life_is_said_and_nothing_is_written(share):
    one = share()
    assert one.perform((publish(1, 0),))
    assert not one.perform((publish(2, 0),))
    assert "not of one life" in one.trouble
    assert one.log.size == 1


class Stubborn:
    """A companion whose log refuses for a while."""

    def __init__(self, refusals: int) -> None:
        self.wake = asyncio.Event()
        self.left, self.asked, self.trouble = refusals, 0, ""

    def take(self) -> list[object]:
        return []

    def perform(self, effects: tuple[object, ...]) -> bool:
        self.asked += 1
        self.left -= 1
        self.trouble = "full: no space is left" if self.left >= 0 else ""
        return self.left < 0

    def shown(self, views: Views) -> None:
        pass

    async def run(self) -> None:
        await asyncio.sleep(60)


def test_no_step_runs_while_something_is_owed_and_the_desk_says_why():
    companion, turns, done, seen = Stubborn(3), [], [], []

    def turn(inputs: tuple[object, ...], now_ns: int) -> Stepped[None]:
        turns.append((now_ns, companion.asked))
        return Stepped(None, (answer(len(turns), "a"),), Views(sequence=len(turns), now_ns=now_ns))

    class Quick(WallClock):
        def wait_s(self, until_ns: int) -> float:
            return 0.01

    running = Running(NodeConfig(), Quick(), turn, Face("", "live"), done.extend, companion)

    async def live() -> None:
        work = asyncio.create_task(running.run_live())
        for _ in range(500):
            seen.append((len(turns), running.views().trouble))
            if len(turns) > 3:
                break
            await asyncio.sleep(0.005)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(live())
    running.close()
    assert turns[1][1] == 4, "a second step ran before the first one's effects were done"
    assert (1, "halted: full: no space is left") in seen
    assert seen[-1][1] == ""
    assert len(done) >= 2


def test_who_may_fetch_is_known_by_the_certificate(share, kit):
    prints = {name: kit.directory.partner(name).tls_sha256 for name in ("arvena", "belora", "corvia")}
    one = share("arvena", never_to=("corvia",))
    assert one.door.admit("00" * 32) == "unknown_certificate"
    assert one.door.admit("") == "unknown_certificate"
    assert one.door.admit(prints["arvena"]) == "unknown_certificate", "nobody else has our own certificate"
    assert one.door.admit(prints["belora"]) == BUSY, "who was revoked is not known before a step has said it"
    one.shown(Views())
    assert one.door.admit(prints["belora"]) == "no_agreement"
    one.shown(standings("arvena>belora", "arvena>corvia"))
    admitted = one.door.admit(prints["belora"])
    assert admitted.partner == "belora"
    assert admitted.streams == {"arvena>belora", "arvena>belora/backfill"}
    assert one.door.admit(prints["corvia"]) == "no_agreement", "never_to is nobody's business but ours"
    one.shown(standings("arvena>belora", revoked=(prints["belora"],)))
    assert one.door.admit(prints["belora"]) == "revoked"


def receipt(made: partners.Made, node: str, stream: str = "arvena>belora") -> bytes:
    said = statements.Receipt(stream=stream, next="7", root="11" * 32, size="7", nonce="")
    text, key = statements.canonical(said), made.members[node].keys.agreement
    return statements.envelope(text, [statements.signed(text, key.public(), key.sign, node=node)])


def test_row_21_a_receipt_counts_only_from_the_partner_that_signed_it(share, kit):
    one = share()
    one.take()
    sound = receipt(kit, "belora")
    assert asyncio.run(one.door.hear("belora", "receipt", sound)) == BUSY, "no step has run since the start"
    one.shown(Views())

    async def hear() -> list[str]:
        return [
            await one.door.hear("belora", "receipt", sound),
            await one.door.hear("corvia", "receipt", sound),
            await one.door.hear("belora", "receipt", receipt(kit, "corvia")),
            await one.door.hear("belora", "receipt", sound.replace(b"7", b"8")),
            await one.door.hear("belora", "receipt", b"{"),
        ]

    heard = asyncio.run(hear())
    assert heard[:3] == ["", "not_a_receipt", "not_a_receipt"]
    assert all(heard[3:])
    (taken,) = one.take()
    assert isinstance(taken, Answered)
    assert (taken.partner, taken.stream, taken.next, taken.envelope) == ("belora", "arvena>belora", 7, sound)


def test_what_one_partner_hands_in_is_bounded_until_a_step_takes_it(share, kit):
    one = share()
    one.shown(Views())
    sound = receipt(kit, "belora")

    async def hear(many: int) -> list[str]:
        return [await one.door.hear("belora", "receipt", sound) for _ in range(many)]

    heard = asyncio.run(hear(HEARD_MAX + 20))
    assert heard.count("") <= HEARD_MAX
    assert BUSY in heard
    one.take()
    assert asyncio.run(hear(1)) == [""]


def test_a_partner_that_shows_our_witness_two_histories_is_accused_by_name_and_file(share, kit):
    one = share()
    one.take()
    ledger = kit.members["belora"].keys.ledger
    key = note.Key("manara/belora", note.ED25519, ledger.public())
    first, second = (
        checkpoint.signed(checkpoint.Checkpoint(key.name, 1, bytes([n]) * 32), key, ledger.sign) for n in b"ab"
    )
    status = [
        asyncio.run(one.door._cosign("belora", witness.build_request(0, [], said)))[0] for said in (first, second)
    ]
    assert status == [200, 409]
    (said,) = one.take()
    assert isinstance(said, Refused)
    assert (said.partner, said.why) == ("belora", "log_contradicts")
    (kept,) = one.memory.evidence("belora")
    assert str(kept) in said.detail or len(said.detail) == 300
    found = evidence.parse(kept.read_bytes())
    assert isinstance(found, evidence.Evidence)
    assert evidence.check(found, (key,)).proven


def test_a_command_in_the_spool_is_taken_once_and_goes_when_it_is_answered(share):
    one = share()
    one.take()
    commands.offer(one.folder, "stop-all", b'{"statement":"x"}')

    async def wait() -> list[object]:
        work = asyncio.create_task(one.run())
        taken: list[object] = []
        ends = time.monotonic() + 5
        while time.monotonic() < ends and not any(isinstance(some, Command) for some in taken):
            taken += one.take()
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        taken += one.take()
        assert one.perform((answer(1, "stop-all"),))
        await asyncio.sleep(0.1)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return taken

    taken = [some for some in asyncio.run(wait()) if isinstance(some, Command)]
    assert [some.name for some in taken] == ["stop-all"]
    assert not (one.folder / "commands" / "stop-all.json").exists()
    assert commands.answered(one.folder, "stop-all").refusal == ""


def test_a_directory_that_knows_this_node_by_other_keys_is_refused(kit, tmp_path):
    member = kit.members["arvena"]
    home = tmp_path / "home"
    shutil.copytree(member.folder, home)
    shutil.copytree(kit.members["belora"].folder / "keys", home / "keys", dirs_exist_ok=True)
    with pytest.raises(BadInput, match="not the key"):
        Sharing(config_of(kit, "arvena"), home, tmp_path / "node", time.time_ns)


def test_an_expired_certificate_opens_no_link_and_the_reason_is_told(tmp_path):
    home = tmp_path / "belora"
    paths = certificate(home / "made", "belora", (-20, -10))
    (home / "keys").mkdir(mode=0o700)
    for path, name in zip(paths, ("tls.crt", "tls.key"), strict=True):
        (home / "keys" / name).write_bytes(path.read_bytes())
        (home / "keys" / name).chmod(0o600)
    made = partners.make(tmp_path, sea(), NAMES[:2], {one: free_port() for one in NAMES})
    nodes = {
        name: Sharing(config_of(made, name), made.members[name].folder, tmp_path / f"{name}-node", time.time_ns)
        for name in ("arvena", "belora")
    }
    told: dict[str, list[str]] = {name: [] for name in nodes}

    async def live() -> None:
        for one in nodes.values():
            one.shown(standings("arvena>belora", "belora>arvena"))
        work = [asyncio.create_task(one.run()) for one in nodes.values()]
        ends = time.monotonic() + 8
        while time.monotonic() < ends and not all(told.values()):
            for name, one in nodes.items():
                told[name] += [f"{s.state} {s.detail}" for s in one.take() if isinstance(s, LinkState)]
            await asyncio.sleep(0.05)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    asyncio.run(live())
    for one in nodes.values():
        one.close()
    assert all(one.startswith("lost") for some in told.values() for one in some), told
    assert "certificate_expired" in told["arvena"][0]
    assert told["belora"], "who is expired hears it too"


def test_secrets_of_two_nodes_differ_and_outlive_a_restart(share, kit, tmp_path):
    first = share("arvena").secret
    other = Sharing(config_of(kit, "arvena"), kit.members["arvena"].folder, tmp_path / "again", time.time_ns)
    other.close()
    assert other.secret == first
    assert share("belora").secret != first
    assert len(first) == 32
    assert first != secrets.token_bytes(32)
