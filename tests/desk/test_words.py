"""What is written twice is held together: words of the records in TypeScript, sentences in two languages."""

from __future__ import annotations

import json
import re

import pytest

from manara.desk.partners import HAZARDS, SEVERITIES
from manara.records.agreement import Phase
from manara.records.reports import Domain, Flag, Kind
from manara.records.tracks import Life
from manara.release.explain import DENIALS_AR, DENIALS_EN
from manara.release.rules import Denial
from manara.release.words import words

FORMS = {"en": {"one", "other"}, "ar": {"zero", "one", "two", "few", "many", "other"}}
LATIN_IS_RIGHT = {"language.other", "alt.none"}  # a language calls itself by its own name


def catalogue(repository, lang):
    return json.loads((repository / f"web/messages/{lang}.json").read_text("utf-8"))


def texts(entry):
    return [entry] if isinstance(entry, str) else list(entry.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("KINDS", [k.name.lower() for k in Kind]),
        ("DOMAINS", [d.name.lower() for d in Domain]),
        ("LIVES", ["", *(life.name.lower() for life in Life)]),
        ("FLAGS", [str(f.name).lower() for f in Flag if f]),
    ],
)
def test_typescript_has_the_words_of_the_records(repository, name, expected):
    text = (repository / "web/src/wire/words.ts").read_text("utf-8")
    found = re.search(rf"export const {name} = \[(.*?)\] as const", text, re.DOTALL)
    assert found
    assert re.findall(r"'([^']*)'", found.group(1)) == expected


def test_both_languages_have_the_same_keys(repository):
    assert catalogue(repository, "en").keys() == catalogue(repository, "ar").keys()


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_counted_sentences_have_every_plural_form_of_the_language(repository, lang):
    for key, entry in catalogue(repository, lang).items():
        if not isinstance(entry, str):
            assert entry.keys() == FORMS[lang], key


def test_the_same_places_are_filled_in_both(repository):
    english, arabic = catalogue(repository, "en"), catalogue(repository, "ar")
    for key, entry in english.items():
        places = {p for text in texts(entry) for p in re.findall(r"\{(\w+)\}", text)}
        assert {p for text in texts(arabic[key]) for p in re.findall(r"\{(\w+)\}", text)} == places, key


def test_nothing_is_left_untranslated(repository):
    arabic = catalogue(repository, "ar")
    for key, entry in arabic.items():
        if key not in LATIN_IS_RIGHT:
            assert all(re.search(r"[\u0600-\u06ff]", text) for text in texts(entry)), key
    for key, entry in catalogue(repository, "en").items():
        if key != "language.other":
            assert not any(re.search(r"[\u0600-\u06ff]", text) for text in texts(entry)), key


def test_every_word_of_the_records_is_translated(repository):
    keys = catalogue(repository, "en").keys()
    wanted = {f"kind.{k.name.lower()}" for k in Kind} | {f"life.{life.name.lower()}" for life in Life}
    wanted |= {f"flag.{str(f.name).lower()}" for f in Flag if f} | {f"domain.{d.name.lower()}" for d in Domain}
    wanted |= {f"feed.{state}" for state in ("waiting", "live", "stale", "lost", "ended")}
    assert wanted <= keys


def test_every_reason_of_a_reject_has_its_meaning(repository):
    """The reference of the reasons is itself held to the source by the house."""
    page = (repository / "docs/reference/rejects.md").read_text("utf-8")
    slugs = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    assert len(slugs) > 40
    for lang in ("en", "ar"):
        known = {key.split(".")[1] for key in catalogue(repository, lang) if key.startswith("reject.")}
        assert known >= slugs


def test_every_reason_to_look_is_said_in_both_languages(repository):
    text = (repository / "web/src/wire/words.ts").read_text("utf-8")
    found = re.search(r"export const REASONS = \[(.*?)\] as const", text, re.DOTALL)
    assert found
    reasons = re.findall(r"'([^']*)'", found.group(1))
    assert reasons[:4] == ["distress", "unlawful_interference", "emergency", "radio_failure"]
    for lang in ("en", "ar"):
        assert {f"reason.{reason}" for reason in reasons} <= catalogue(repository, lang).keys()


def test_row_13_every_reason_of_withholding_is_said_in_both_languages_as_release_says_it(repository):
    for lang, said in (("en", DENIALS_EN), ("ar", DENIALS_AR)):
        known = catalogue(repository, lang)
        for why in Denial:
            if why:
                assert known[f"withheld.{why.name.lower()}"] == said[why]
        assert {"withheld.warming", "withheld.too_many_views"} <= known.keys()  # release/stage.py, channel.py


def test_every_state_of_a_partner_and_every_warning_is_said_in_both_languages(repository):
    wanted = {f"partner.{state}" for state in ("none", "waiting", "live", "lost", "refused")}
    wanted |= {f"phase.{phase.name.lower()}" for phase in Phase}
    wanted |= {f"hazard.{one}" for one in HAZARDS if one} | {f"severity.{one}" for one in SEVERITIES}
    arabic = catalogue(repository, "ar")
    assert wanted <= arabic.keys()
    for phase in Phase:
        assert arabic[f"phase.{phase.name.lower()}"] == words("ar")[phase.name.lower()]


def test_every_reason_of_the_link_that_a_page_of_it_knows_has_its_meaning(repository):
    """Found where they are given: an entry or a log that the link turns away (host/link_checks.py, link/stage.py)."""
    source = "".join((repository / f"src/manara/{p}.py").read_text("utf-8") for p in ("host/link_checks", "link/stage"))
    given = set(re.findall(r'(?:Refusal\(|return |_count\(state, one\.partner, )"([a-z_]+)"[,)\n]', source))
    assert len(given) >= 10
    rows = (repository / "src/manara/link/rows.py").read_text("utf-8")
    given |= {f"row_{why}" for why in re.findall(r'^        \("([a-z]+)", ', rows, re.MULTILINE)} | {"row_increment"}
    refused = re.search(
        r"^REFUSED = \((.*?)\)", (repository / "src/manara/host/link_client.py").read_text("utf-8"), re.M
    )
    assert refused
    given |= set(re.findall(r'"([a-z_]+)"', refused.group(1)))
    assert len(given) >= 23
    assert {f"refusal.{why}" for why in given} <= catalogue(repository, "en").keys()


def test_words_to_avoid_are_not_used(repository):
    arabic = json.dumps(catalogue(repository, "ar"), ensure_ascii=False)
    assert not re.search(r"هدف|أهداف|تسكع", arabic)


def test_the_terms_of_the_nomenclature_stand(repository):
    arabic = catalogue(repository, "ar")
    assert arabic["kind.vessel"] == "سفينة"
    assert arabic["kind.unmanned_aircraft"] == "طائرة مسيّرة"
    assert "مسار" in arabic["track.title"]
    assert "هامش الخطأ" in arabic["track.uncertainty"]


def test_every_sentence_is_used(repository):
    source = "\n".join(
        p.read_text("utf-8") for p in (repository / "web/src").rglob("*") if p.suffix in {".ts", ".svelte"}
    )
    # Looked up by word, of a group that the source names.
    groups = {*re.findall(r"word\('([a-z_.]+)'", source), *re.findall(r"`([a-z_.]+)\.\$\{", source)}
    for key in catalogue(repository, "en"):
        assert f"'{key}'" in source or key.rpartition(".")[0] in groups, key


def test_the_shell_uses_logical_directions_only(repository):
    """Physical left and right do not mirror; the map's own corner is the one exception, and says why."""
    found = []
    for path in [*(repository / "web/src").rglob("*.svelte"), repository / "web/src/desk.css"]:
        for line in path.read_text("utf-8").splitlines():
            if re.search(
                r"(margin|padding|border)-(left|right)\s*:|^\s*(left|right)\s*:|text-align:\s*(left|right)", line
            ):
                found.append((path.name, line.strip()))
    assert [name for name, _ in found] == ["MapPane.svelte"]
    assert "not mirrored" in found[0][1]


def test_styles_and_scripts_stay_within_the_content_security_policy(repository):
    """No inline style attribute and no raw HTML: the policy forbids the first, prudence the second."""
    for path in (repository / "web").glob("src/**/*.svelte"):
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=", text), path.name
        assert "{@html" not in text, path.name
