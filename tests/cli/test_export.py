"""manara export account: what the log of a month says, counted again by hand."""

from __future__ import annotations

import json
import re
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.cli import main
from manara.host import account, account_sheets
from manara.host.disk import FolderDisk
from manara.host.keys import FileSigner
from manara.host.log_store import LogStore
from manara.host.vault import HOUR_NS, Vault, WipingDisk
from manara.link import heads
from manara.records.released import COARSE, PRECISE, Block, Entry, Head, RowTable, Terms
from manara.release import statements

S = 10**9
BEGIN, END = account.month_of("2026-11")
NEAR, FAR = Terms(("sea-near", "air"), 1, 86_400), Terms(("sea-far",), 1, 3_600, cell_m=8_000, delay_s=600)
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))


class Log:
    """Arvena's log in a node's folder."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.vault = Vault(WipingDisk(folder / "vault"))
        disk = FolderDisk(folder / "log")
        self.store = LogStore(disk, SIGNER, self.vault, "manara/arvena", "arvena", segment_bytes=6_000)
        self.ticks = 0

    def publish(self, at_ns: int, *frames: tuple[str, dict, tuple]) -> None:
        entries = []
        ahead: dict[str, int] = {}
        for stream, words, blocks in frames:
            offset = ahead.get(stream, self.store.heads().get(stream, 0))
            ahead[stream] = offset + 1
            shape = tuple((b.table, b.width, len(b.rows) // b.width) for b in blocks)
            head = Head(stream=stream, offset=str(offset), time_ns=str(at_ns), blocks=shape, **words)
            entries.append(Entry(stream, offset, heads.encode(head), blocks))
        self.ticks += 1
        self.store.publish(at_ns, self.ticks << 20, entries)

    def close(self) -> None:
        self.store.close()


def precise(tracks, terms, time_ns) -> Block:
    table = np.zeros(len(tracks), PRECISE)
    table["track"], table["terms"], table["time_ns"] = tracks, terms, time_ns
    return Block(RowTable.PRECISE, PRECISE.itemsize, table.tobytes(), np.array(tracks, "<u8").tobytes())


def coarse(tracks, terms) -> Block:
    table = np.zeros(len(tracks), COARSE)
    table["track"], table["terms"] = tracks, terms
    return Block(RowTable.COARSE, COARSE.itemsize, table.tobytes(), np.array(tracks, "<u8").tobytes())


def batch(stream: str, *blocks: Block) -> tuple[str, dict, tuple]:
    return stream, {"kind": "batch", "phase": "full", "terms": (NEAR, FAR)}, blocks


def own(**said: str) -> tuple[str, dict, tuple]:
    return "arvena", {"kind": "statement", "subject": rfc8785.dumps(said).decode()}, ()


def receipt(following: int) -> tuple[str, dict, tuple]:
    said = statements.Receipt(stream="arvena>belora", next=str(following), root="00" * 32, size=str(following))
    text = statements.canonical(said)
    return "arvena", {"kind": "statement", "subject": statements.envelope(text, ()).decode()}, ()


TO_B, TO_C = "arvena>belora", "arvena>corvia"


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "arvena.node")
    made.publish(BEGIN - 5 * S, batch(TO_B, precise([1], 0, BEGIN - 6 * S)))  # October
    made.publish(BEGIN + S, (TO_B, {"kind": "policy", "policy": "ab" * 32, "phase": "full"}, ()))
    made.publish(BEGIN + 2 * S, batch(TO_B, precise([1, 2], 0, BEGIN), coarse([7], 1)), batch(TO_C, coarse([9], 1)))
    made.publish(BEGIN + 3 * S, batch(TO_B, precise([2, 3], 0, BEGIN + S)))
    made.publish(BEGIN + 12 * S, receipt(3))
    made.publish(BEGIN + 20 * S, (TO_B, {"kind": "withheld", "subject": "warming"}, ()))
    made.publish(BEGIN + 21 * S, (TO_B, {"kind": "phase", "phase": "suspended"}, ()))
    recall = {"recall": "cd" * 32, "tracks": ["2"], "from_ns": "0", "to_ns": "9", "reason": "<b>wrong</b> craft"}
    made.publish(BEGIN + 22 * S, (TO_B, {"kind": "recall", "subject": rfc8785.dumps(recall).decode()}, ()))
    made.publish(BEGIN + 25 * S, own(type="recall.done", stream=TO_B, recall="cd" * 32, count="2", nonce="", after=""))
    made.publish(BEGIN + 26 * S, own(type="received", stream="belora>arvena", first="0", next="40", roots="00" * 32))
    made.publish(BEGIN + 27 * S, batch(f"{TO_B}/backfill", precise([70], 0, BEGIN - 900 * S)))
    made.publish(END + S, batch(TO_B, precise([1], 0, END)), receipt(8))  # December
    yield made
    made.close()


def read(log, month: str = "2026-11") -> account.Account:
    return account.make(log.store, "arvena", month)


def test_a_month_is_counted_by_rule_tier_and_delay(log):
    one = read(log).partners["belora"]
    lines = {(line.rules, line.table): line for line in one.lines.values()}
    near = lines[NEAR.rules, "precise"]
    assert (near.rows, near.tracks, near.age_s) == (4, {1, 2, 3}, [2.0] * 4)
    far = lines[FAR.rules, "coarse"]
    assert (far.rows, far.tracks, far.cell_m, far.delay_s) == (1, {7}, 8_000, 600)
    assert lines[NEAR.rules, "precise (history)"].rows == 1
    assert (one.entries, one.history, one.rows, one.came) == (7, 1, 6, 40)
    assert one.withheld == {"warming": 1}
    assert read(log).partners["corvia"].rows == 1


def test_how_late_is_from_the_entry_to_the_receipt_that_covers_it(log):
    one = read(log).partners["belora"]
    assert one.receipted_s == [11.0, 10.0], "of November's entries those before the third place: policy and one batch"
    assert (one.receipts, one.open_entries) == (1, 4)


def test_phases_and_recalls_stand_with_their_times(log):
    moves = [(one.what, (one.time_ns - BEGIN) // S) for one in read(log).partners["belora"].moves]
    assert moves == [("policy", 1), ("phase", 21), ("recall", 22), ("recall.done", 25)]


def test_other_months_have_their_own(log):
    assert read(log, "2026-10").partners["belora"].entries == 1
    assert read(log, "2026-12").partners["belora"].rows == 1
    assert all(one.entries == 0 for one in read(log, "2025-01").partners.values())


def test_what_was_erased_since_is_counted_and_not_broken_down(log):
    log.store.erase("arvena", 2, 0, 1 << 40)
    one = read(log).partners["belora"]
    assert (one.rows, one.erased) == (6, 2)
    assert sum(line.rows for line in one.lines.values()) == 4
    for number in range(60):  # until the first segments are full
        log.publish(END + (2 + number) * S, batch(TO_B, precise(list(range(9)), 0, END)))
    log.store.expire(END + 48 * HOUR_NS)
    one = read(log).partners["belora"]
    assert one.pruned > 0
    assert one.rows == 6
    assert [each.what for each in one.moves][:2] == ["policy", "phase"]


def words_of(path) -> dict[str, tuple[list[str], bool]]:
    """Sheet -> its texts, and whether it runs from right to left."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        shared = [
            "".join(t.text or "" for t in one.iter(f"{space}t"))
            for one in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{space}si")
        ]
        names = [one.get("name") for one in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{space}sheet")]
        found = {}
        for number, name in enumerate(names, 1):
            sheet = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
            cells = [shared[int(c.find(f"{space}v").text)] if c.get("t") == "s" else c.find(f"{space}v").text
                     for c in sheet.iter(f"{space}c") if c.find(f"{space}v") is not None]  # fmt: skip
            right = any(one.get("rightToLeft") == "1" for one in sheet.iter(f"{space}sheetView"))
            found[name] = cells, right
    return found


def test_the_command_writes_a_spreadsheet_and_pages_while_the_node_runs(log, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["export", "account", str(log.folder), "--month", "2026-11", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert ["belora", "sea-near, air", "precise track", 0, 0, 86_400, 4, 3, 2.0, 2.0] in said["released"]
    assert said["about"]["root of the log then"] == log.store.root.hex()
    found = words_of(out / "account-arvena-2026-11.xlsx")
    assert len(found) == 10
    for lang, right in (("en", False), ("ar", True)):
        cells, is_right = found[account_sheets.word("released", lang)]
        assert is_right is right
        assert "sea-near, air" in cells
        assert cells[0] == account_sheets.word("partner", lang)
        text = (out / f"account-arvena-2026-11.{lang}.html").read_text("utf-8")
        assert f'dir="{"rtl" if right else "ltr"}"' in text
        assert "&lt;b&gt;wrong&lt;/b&gt; craft" in text
        assert "<b>" not in text
        assert not re.search(r"https?://|<script|url\(", text), "nothing comes from elsewhere"
        for one in account_sheets.sheets(read(log), lang):
            assert all(account_sheets._text(name) in text for name in one.columns)


def test_what_one_partner_sees_names_no_other(log, tmp_path, capsys):
    words = ["export", "account", str(log.folder), "--month", "2026-11", "--out", str(tmp_path), "--partner", "belora"]
    assert main(words) == 0
    for path in tmp_path.glob("account-arvena-belora-2026-11.*"):
        whole = path.read_bytes() if path.suffix == ".html" else str(words_of(path)).encode()
        assert b"corvia" not in whole
        assert b"belora" in whole
    assert len(list(tmp_path.glob("account-*"))) == 3
    capsys.readouterr()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--month": "november"}, "not a month"),
        ({"--month": "2026-13"}, "not a month"),
        ({"--partner": "atlantis"}, "nothing went to atlantis"),
        ({"folder": "gone"}, "holds no log"),
    ],
)
def test_bad_input_is_said_in_one_line(log, tmp_path, capsys, change, says):
    words = {"folder": str(log.folder), "--month": "2026-11", "--out": str(tmp_path / "o"), **change}
    folder = words.pop("folder")
    assert main(["export", "account", folder, *[w for pair in words.items() for w in pair]]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_each_word_of_the_account_has_both_languages():
    for name, (english, arabic) in account_sheets.WORDS.items():
        assert english != arabic, name
        assert re.search(r"[\u0600-\u06ff]", arabic), name
    columns = {c for one in account_sheets.sheets(empty(), "ar") for c in one.columns}
    assert all(re.search(r"[\u0600-\u06ff]", one) for one in columns)


def empty() -> account.Account:
    return account.Account("arvena", "2026-11", BEGIN, END, "manara/arvena", 0, "")
