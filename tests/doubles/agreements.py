"""Agreements between fictional partners, as text."""

from __future__ import annotations

from tests.doubles.persons import DIRECTORY, key_of, public

from manara.release import document
from manara.release.document import Admitted, Document

TEXT = """\
version = 1
id = "arvena-belora"
title = "Arvena lets Belora see the strait"
title_ar = "أرفينا تتيح لبيلورا رؤية المضيق"
releaser = "arvena"
recipient = "belora"
edition = 2
not_before = "2026-01-01T00:00:00Z"
not_after = "2027-01-01T00:00:00Z"
treaty_sha256 = "0101010101010101010101010101010101010101010101010101010101010101"
prevailing = "ar"
no_use_of_force = true
purposes = ["safety_of_life", "search_and_rescue"]
onward = ["corvia"]
retention_s = 86_400
sources = ["hill radar"]
domains = ["air", "sea"]
areas = [
  "strait",
  "harbour",  # ] = [
]
constant_cadence = true
witnesses = ["lantern"]
quorum = 1
window = 600
concerns = ["fishing grounds"]

[promises]
warning_s = 10
answer_s = 3_600
recall_s = 600

[[signatories]]
person = "arvena.minister"
name = "A. Minister"
capacity = "policy"
partner = "arvena"

[[signatories]]
person = "belora.minister"
name = "B. Minister"
capacity = "policy"
partner = "belora"

[[rules]]
id = "strait"
effect = "permit"
reason = "Ships in the strait are coarse"
reason_ar = "السفن في المضيق بدقة منخفضة"
cell_m = 4_000
epoch_s = 600
delay_s = 60
rate_s = 30
pseudonym_s = 7_200
strip = ["identity", "names"]
purpose = ["safety_of_life"]
retention_s = 3_600
onward = ["corvia"]
[rules.when]
sort = ["track"]
domain = ["sea"]
craft = ["vessel_a"]
area = ["strait"]
outside = ["harbour"]
source = ["hill radar"]
originator = ["own"]
sensitivity = ["open"]
emergency = false
age_max_s = 120
phase = ["full"]

[[rules]]
id = "closed"
effect = "forbid"
reason = "Closed is closed"
when = { sensitivity = ["closed"] }
"""


def read(text: str = TEXT) -> Document:
    """The document of a text that reads well."""
    found = document.read(text.encode())
    assert isinstance(found, Document), found
    return found


def sidecar(one: Document, *who: str) -> bytes:
    """Signatures of these persons."""
    return b"".join(document.signature_line(one, w, bytes.fromhex(public(w)), key_of(w).sign) for w in who)


def admitted(text: str = TEXT, *who: str) -> Admitted:
    """A document signed by these; by default by everybody who must."""
    one = read(text)
    found = document.admit(
        document.attach(one.text, sidecar(one, *(who or ("arvena.minister", "belora.minister")))), DIRECTORY
    )
    assert isinstance(found, Admitted), found
    return found
