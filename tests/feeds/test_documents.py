"""Documents are found whole whatever way their bytes come in."""

import json

from hypothesis import given
from hypothesis import strategies as st

from manara.feeds.documents import DocumentDecoder, Gathered, JsonCutter, reports, spans, uid_identity
from manara.records import identity

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), plain, max_size=4), max_size=5), st.booleans())
def test_every_object_is_found_and_nothing_else(objects, spaced):
    texts = [json.dumps(one, ensure_ascii=not spaced).encode("utf-8", "surrogatepass") for one in objects]
    data = (b"\n" if spaced else b"").join(texts)
    assert [data[a:b] for a, b in spans(data, JsonCutter())] == texts


@given(st.binary(max_size=60).map(lambda b: bytes(b'{}"\\ax'[x % 6] for x in b)), st.data())
def test_looking_in_pieces_finds_the_same_as_looking_once(data, draw):
    whole = list(spans(data, JsonCutter()))
    cutter, found, at = JsonCutter(), [], 0
    cuts = [*sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=6))), len(data)]
    for cut in cuts:
        for span in spans(data[:cut], cutter) if at == 0 else ():
            found.append(span)
        while at and (span := cutter.find(data[:cut], at)):
            found.append(span)
            at = span[1]
        at = found[-1][1] if found else 0
    assert found == whole


def test_a_long_document_in_small_pieces_is_looked_at_once():
    cutter = JsonCutter()
    text = b'{"a":"' + b"x\\\\" * 200_000 + b'"}'
    looked = 0
    for end in range(0, len(text), 4096):
        before = cutter._at
        assert cutter.find(text[:end], 0) is None
        looked += end - min(before, end)
    assert looked < 3 * len(text)
    assert cutter.find(text, 0) == (0, len(text))


def gather(data: bytes, pieces: int, bound: int = 1000):
    seen: list[bytes] = []
    decoder = DocumentDecoder(JsonCutter, lambda doc, _ns, _got: seen.append(doc), bound)
    counts: dict[str, int] = {}
    for at in range(0, len(data), pieces):
        for why, n in decoder.advance(data[at : at + pieces], 1).reject_counts.items():
            counts[why] = counts.get(why, 0) + n
    for why, n in decoder.finish(1).reject_counts.items():
        counts[why] = counts.get(why, 0) + n
    return seen, counts


def test_what_never_ends_is_dropped_at_the_bound_and_counted():
    seen, counts = gather(b'{"a": ' * 1000, 100)
    assert seen == []
    assert counts["too_long"] >= 5


def test_what_stands_between_documents_is_counted():
    seen, counts = gather(b'junk {"a":1} more {"b":2}', 7)
    assert seen == [b'{"a":1}', b'{"b":2}']
    assert counts == {"between_documents": 2}


def test_state_goes_over_a_restart():
    one = DocumentDecoder(JsonCutter, lambda *_: None, 1000)
    one.advance(b'{"a": "', 1)
    seen: list[bytes] = []
    two = DocumentDecoder(JsonCutter, lambda doc, _ns, _got: seen.append(doc), 1000)
    two.load(one.dump())
    two.advance(b'}"}', 1)
    assert seen == [b'{"a": "}"}']


def test_rejects_are_bounded_and_still_counted():
    got = Gathered()
    for _ in range(500):
        got.refuse("why", b"x" * 1000)
    batch = got.batch()
    assert len(batch.rejects) == 100
    assert batch.reject_counts == {"why": 500}
    assert max(len(r.data) for r in batch.rejects) == 256


def test_uids_that_are_written_as_identities_are_those_identities():
    assert identity.text(uid_identity("mmsi-291000123")) == "291000123"
    assert identity.text(uid_identity("ICAO24-d0abcd")) == "D0ABCD"
    for odd in ("MMSI-2910001234", "MMSI-\u0661\u0662", "ICAO-xyzxyz", "", "-", "MMSI-"):
        assert identity.text(uid_identity(odd)).startswith("uid:")


def test_words_become_columns():
    table = reports([{"lat_rad": 0.5, "identity": 7}, {"flags": 3}])
    assert table.lat_rad[0] == 0.5
    assert table.lat_rad[1] != table.lat_rad[1]
    assert table.identity.tolist() == [7, 0]
    assert table.flags.tolist() == [0, 3]
