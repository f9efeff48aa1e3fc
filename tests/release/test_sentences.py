"""Nothing that stands in a document is left unsaid, in either language."""

from __future__ import annotations

import re

import msgspec
import pytest
from tests.doubles.agreements import read

from manara.records.agreement import Agreement, Concern, Label, Labels, Promise, Rule, Signatory, When
from manara.release import sentences, words
from manara.release.document import CRAFT, DOMAINS, PURPOSES, SENSITIVITIES, SORTS, STRIPS

ONE = read().agreement
replace = msgspec.structs.replace


def said(one: Agreement, lang: str) -> str:
    return "\n".join(sentences.sentences(one, lang))


OTHER = {
    "purposes": ("exercise",), "purpose": ("exercise",), "domains": ("land",), "domain": ("land",),
    "strip": ("height",),
    "sort": ("alert",), "craft": ("aircraft",), "sensitivity": ("limited",), "phase": ("interim",), "prevailing": "en",
    "capacity": "operational", "effect": "forbid", "not_before": "2025-01-01T00:00:00Z",
    "not_after": "2028-01-01T00:00:00Z",
}  # fmt: skip


def others(row: msgspec.Struct, name: str) -> list[object]:
    """Values that a field might have instead, the empty one among them."""
    value, default = getattr(row, name), row.__struct_defaults__
    if name in OTHER:
        found: list[object] = [OTHER[name]]
    elif isinstance(value, bool):
        found = [not value]
    elif isinstance(value, int):
        found = [value + 1, value * 7 + 60]
    elif isinstance(value, str):
        found = [value + "x"]
    elif isinstance(value, tuple) and value and isinstance(value[0], str):
        found = [(*value, "another"), ("other",)]
    else:
        return []
    if isinstance(value, tuple) and default:
        found.append(())
    return [one for one in found if one != value]


def with_when(**fields) -> Agreement:
    first = ONE.rules[0]
    return replace(ONE, rules=(replace(first, when=replace(first.when, **fields)), ONE.rules[1]))


def with_concern(**fields) -> Agreement:
    plain = {"id": "drones", "text": "Drones over the strait", "text_ar": "مسيّرات", "hazard": ("distress",)}
    plain |= {"domain": ("air",), "craft": ("aircraft",), "area": ("strait",)}
    return replace(ONE, concerns=(Concern(**{**plain, **fields}),))


def changes() -> list[tuple[str, Agreement]]:
    """The agreement with one field changed, every field of every table of it."""
    rows: list[tuple[str, msgspec.Struct, object]] = [
        ("", ONE, lambda row: row),
        ("promises.", ONE.promises, lambda row: replace(ONE, promises=row)),
        ("signatories[0].", ONE.signatories[0], lambda row: replace(ONE, signatories=(row, *ONE.signatories[1:]))),
        ("rules[0].", ONE.rules[0], lambda row: replace(ONE, rules=(row, *ONE.rules[1:]))),
        ("rules[1].", ONE.rules[1], lambda row: replace(ONE, rules=(ONE.rules[0], row))),
        (
            "rules[0].when.",
            ONE.rules[0].when,
            lambda row: with_when(**{f: getattr(row, f) for f in row.__struct_fields__}),
        ),
    ]
    found = []
    for at, row, whole in rows:
        for name in row.__struct_fields__:
            if at == "rules[1]." and name not in ("id", "effect", "reason", "reason_ar"):
                continue  # a forbid has no obligations: the document refuses them
            found += [(f"{at}{name}={other!r}", whole(replace(row, **{name: other}))) for other in others(row, name)]
    found += [
        ("rules[0].onward=None", replace(ONE, rules=(replace(ONE.rules[0], onward=None), ONE.rules[1]))),
        ("age_max_s=None", with_when(age_max_s=None)),
        ("emergency=None", with_when(emergency=None)),
        ("rules swapped", replace(ONE, rules=ONE.rules[::-1])),
        ("rules fewer", replace(ONE, rules=ONE.rules[:1])),
        ("concerns[0].id", with_concern(id="ships")),
        ("concerns[0].text", with_concern(text="Ships without lights")),
        ("concerns[0].text_ar", with_concern(text_ar="سفن بلا أنوار")),
        ("concerns[0].hazard", with_concern(hazard=("falling",))),
        ("concerns[0].domain", with_concern(domain=("sea",))),
        ("concerns[0].craft", with_concern(craft=("vessel",))),
        ("concerns[0].area", with_concern(area=("harbour",))),
        ("concerns[0].since", with_concern(since=2)),
        ("labels.open", replace(ONE, labels=Labels(open=Label(word="PUBLIC")))),
        ("labels.open.word", replace(ONE, labels=Labels(open=Label(word="FREE")))),
        ("labels.open.tlp", replace(ONE, labels=Labels(open=Label(word="FREE", tlp="clear")))),
        ("labels.closed", replace(ONE, labels=Labels(closed=Label(word="FREE")))),
        ("labels.policy", replace(ONE, labels=Labels(policy="sea marks", closed=Label(word="FREE")))),
        ("signatories fewer", replace(ONE, signatories=ONE.signatories[:1])),
    ]  # fmt: skip
    return found


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize(("what", "other"), changes(), ids=lambda x: x if isinstance(x, str) else "")
def test_whatever_field_is_changed_the_text_changes(what, other, lang):
    assert said(other, lang) != said(ONE, lang), what


def test_every_field_was_changed():
    """A field that the records gain must be said, or the test above is blind to it."""
    names = {re.split(r"[=.]", what.split("=")[0])[-1] for what, _ in changes()}
    kinds = (Agreement, Concern, Label, Promise, Signatory, Rule, When)
    fields = {f for kind in kinds for f in kind.__struct_fields__}
    assert fields - names == {"promises", "signatories", "rules", "when", "labels"}


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_two_documents_that_differ_never_read_alike(lang):
    texts = [said(other, lang) for _, other in changes()]
    assert len(set(texts)) == len({msgspec.json.encode(other) for _, other in changes()})


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_rule_zero_and_the_precedence_stand_in_every_agreement(lang):
    bare = Agreement(id="x", title="T", releaser="a", recipient="b", not_before="", not_after="")
    for one in (ONE, bare):
        zero, order = words.RULE_ZERO_AR if lang == "ar" else words.RULE_ZERO_EN
        assert zero in said(one, lang)
        assert order in said(one, lang)
        places = [order.index(word) for word in PRECEDENCE[lang]]
        assert places == sorted(places)


PRECEDENCE = {
    "en": ("written opt-out", "rule 0", "never_to", "agreement"),
    "ar": ("إعفاء", "القاعدة 0", "never_to", "الاتفاق"),
}


def test_both_languages_have_the_same_words():
    assert set(words.EN) == set(words.AR)
    for table in (words.EN, words.AR):
        assert len(set(table.values())) == len(table), "two things by one name"
    for names in (SORTS, DOMAINS, CRAFT, PURPOSES, STRIPS, SENSITIVITIES):
        assert names <= set(words.EN)


def test_arabic_sentences_are_arabic():
    """Outside isolated identifiers only a few words of the format itself stand in Latin letters."""
    plain = re.sub(f"{words.OPEN}[^{words.CLOSE}]*{words.CLOSE}", "", said(ONE, "ar"))
    assert set(re.findall(r"[A-Za-z_]{2,}", plain)) <= {"SHA", "UTC", "never_to"}
    for one in sentences.sentences(ONE, "ar"):
        assert one.count(words.OPEN) == one.count(words.CLOSE)
        assert re.search("[\u0600-\u06ff]{3}", one)


def test_english_sentences_hold_nothing_arabic_but_what_was_quoted():
    plain = said(replace(ONE, title_ar="", rules=(replace(ONE.rules[0], reason_ar=""), ONE.rules[1])), "en")
    assert not re.search("[\u0600-\u06ff]", plain)


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_a_partner_whose_id_is_a_word_is_not_translated(lang):
    assert f"{words.OPEN}sea{words.CLOSE}" in said(with_when(originator=("sea", "own")), "ar")
    assert "coming from sea or the releaser itself" in said(with_when(originator=("sea", "own")), "en")
    assert said(with_when(originator=("own",)), lang) != said(with_when(originator=("sea",)), lang)


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_sentences_are_numbered_and_each_is_one_line(lang):
    text = sentences.text(ONE, "ab" * 32, lang)
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", text, flags=re.MULTILINE)]
    assert numbers == list(range(1, len(sentences.sentences(ONE, lang)) + 1))
    assert "ab" * 32 in text
    assert not any("\n" in one for one in sentences.sentences(ONE, lang))


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_an_agreement_without_a_ban_on_force_says_so_loudly(lang):
    loud = said(replace(ONE, no_use_of_force=False), lang)
    assert ("does NOT" in loud) if lang == "en" else ("لا ينصّ هذا الاتفاق على منع" in loud)


def test_counts_in_arabic_follow_their_number():
    assert [words.counted(n, "hour", "ar") for n in (1, 2, 3, 10, 11, 99, 100, 103, 111)] == [
        "ساعة واحدة", "ساعتين", "3 ساعات", "10 ساعات", "11 ساعة", "99 ساعة", "100 ساعة", "103 ساعات", "111 ساعة",
    ]  # fmt: skip


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61, 3_599, 3_600, 7_200, 86_399, 86_400, 10**6])
@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_a_span_is_said_exactly(seconds, lang):
    sizes = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
    ways = {words.counted(seconds // size, unit, lang) for unit, size in sizes.items() if seconds % size == 0}
    assert words.span(seconds, lang) in ways


def test_another_language_is_an_error_of_ours():
    with pytest.raises(ValueError):
        sentences.sentences(ONE, "fr")
