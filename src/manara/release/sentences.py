"""Every agreement as numbered sentences, in English and Arabic: nothing that stands in the document is left unsaid.

The sentences are made from the fields alone, so that what is signed and what is read cannot drift apart. Rule 0 and
the precedence are part of every agreement, whatever its document says.
"""

from __future__ import annotations

from collections.abc import Iterator

from manara.records.agreement import FOREVER_S, Agreement, Rule, When
from manara.release import concerns, labels
from manara.release.phases import ALLOWS, MOVES_AR, MOVES_EN, phase_name
from manara.release.words import (
    EVERYTHING_AR,
    EVERYTHING_EN,
    LANGUAGES,
    RULE_ZERO_AR,
    RULE_ZERO_EN,
    counted,
    isolated,
    listed,
    quoted,
    span,
    words,
)


def sentences(one: Agreement, lang: str) -> tuple[str, ...]:
    """All sentences of an agreement in a language, in the order of the document. ``lang``: en, ar."""
    if lang not in LANGUAGES:
        raise ValueError(lang)
    ar = lang == "ar"
    found = [*(_parties_ar if ar else _parties_en)(one)]
    found += RULE_ZERO_AR if ar else RULE_ZERO_EN
    found += [*(_bounds_ar if ar else _bounds_en)(one)]
    found += [*(_proof_ar if ar else _proof_en)(one)]
    found += [*_phases(lang)]
    found += [*(_general_ar if ar else _general_en)(one)]
    for place, rule in enumerate(one.rules, 1):
        found.append((_rule_ar if ar else _rule_en)(place, rule))
    return tuple(found)


def text(one: Agreement, sha256: str, lang: str) -> str:
    """The sentences, numbered, one a line, beneath the title and above the hash of the document."""
    title = (one.title_ar or one.title) if lang == "ar" else one.title
    tail = f"بصمة الوثيقة (SHA-256): {isolated(sha256, lang)}" if lang == "ar" else f"Document (SHA-256): {sha256}"
    body = [f"{n}. {said}" for n, said in enumerate(sentences(one, lang), 1)]
    return "\n".join([title, "", *body, "", tail, ""])


# English


def _parties_en(one: Agreement) -> Iterator[str]:
    yield (
        f"{one.releaser} (the releaser) lets {one.recipient} (the recipient) have what follows. This is the agreement "
        f"{one.id}, edition {one.edition}, in version {one.version} of the format; a later edition replaces it."
    )
    yield f"Its title is “{one.title}”" + (
        f"; in Arabic “{one.title_ar}”." if one.title_ar else "; it has no Arabic title."
    )
    yield f"It holds from {one.not_before} until {one.not_after} (UTC) and ends by itself."
    treaty = f"It stands under the treaty text with the SHA-256 {one.treaty_sha256}." if one.treaty_sha256 else ""
    yield treaty or "It names no treaty text that it stands under."
    yield f"Where the languages differ, {words('en').get(one.prevailing, one.prevailing)} prevails."
    for who in one.signatories:
        capacity = words("en").get(who.capacity, who.capacity)
        yield f"“{who.name}” ({who.person}) signs for {who.partner}, answering for {capacity}."
    yield "At least one person of each partner who answers for policy must have signed this very text."


def _bounds_en(one: Agreement) -> Iterator[str]:
    if one.no_use_of_force:
        yield "No use of force: nothing released under this agreement may serve the use of force."
    else:
        yield "This agreement does NOT repeat that what is released may not serve the use of force."
    yield f"The recipient may use it for {listed(one.purposes, 'en', 'and')}, and for nothing else."
    if one.onward:
        yield f"The recipient may pass it on to {quoted(one.onward, 'en', 'and')}, and to nobody else."
    else:
        yield "The recipient may pass it on to nobody."
    yield f"The recipient erases it after {span(one.retention_s, 'en')} at the latest."
    if one.backfill_s:
        yield (
            "When it is put in force, and when the recipient comes back after it was away, the recipient also gets "
            f"history of at most {span(one.backfill_s, 'en')}, under these same rules, marked as history."
        )
    else:
        yield "It brings no history: what was before it is not told."
    if one.sources:
        yield (
            f"The recipient may know of these sources only: {quoted(one.sources, 'en')}. Releases are computed from "
            "them alone."
        )
    else:
        yield "The recipient may know of no source: no source is named here."
    yield (
        f"It is about what is {listed(one.domains, 'en', 'or')}." if one.domains else "It is about no domain at all."
    )
    yield f"It is about these areas only: {quoted(one.areas, 'en')}." if one.areas else "It is about every area."
    yield labels.sentence_en(one)
    yield concerns.sentence_en(one)


def _proof_en(one: Agreement) -> Iterator[str]:
    if one.constant_cadence:
        yield "Constant cadence: one entry each tick, padded, whatever there is to say; its size tells nothing."
    else:
        yield "No constant cadence: when and how much is sent may tell that there is something to say."
    if one.witnesses:
        yield f"Witnesses of the releaser's ledger: {quoted(one.witnesses, 'en')}; the quorum is {one.quorum}."
    else:
        yield f"No witness of the releaser's ledger is named; the quorum is {one.quorum}."
    yield (
        f"At most {counted(one.window, 'entry', 'en')} may stand without a signed receipt; after that nothing new is "
        "sent until receipts come."
    )
    promised = one.promises
    for seconds, what in (
        (promised.warning_s, "a warning is at the partner's desk"),
        (promised.answer_s, "a question is answered"),
        (promised.recall_s, "a recall is carried out and acknowledged"),
        (promised.first_s, "the recipient signs for a track that the releaser's sensors have first detected"),
        (promised.alarm_s, "a person at the recipient's desk has taken a warning"),
    ):
        if seconds:
            yield f"Promised, and measured alike on both sides: within {span(seconds, 'en')} {what}."
        else:
            yield f"No time is promised within which {what}."
    if promised.clock_s:
        yield (
            f"What is promised is measured from stamps that both nodes sign; a stamp that the other side's clock "
            f"contradicts by more than {span(promised.clock_s, 'en')} is shown and not counted."
        )
    else:
        yield "Nothing is said of how far the clocks may be apart: times are promised and not measured."


def _general_en(one: Agreement) -> Iterator[str]:
    yield (
        f"Rules ({len(one.rules)}): what no rule permits is not released. What any rule forbids is not released. Where "
        "several rules permit, all their obligations hold, the stricter of each. What is not known counts as not "
        "permitted, and as forbidden where a rule forbids it."
    )


def _rule_en(place: int, rule: Rule) -> str:
    does = {"permit": "permits", "forbid": "forbids"}.get(rule.effect, rule.effect)
    parts = [f"Rule {place}, {rule.id}, {does} the release of {_what_en(rule)}."]
    parts += [f"Reason: “{rule.reason}”."] if rule.reason else ["No reason is given in English."]
    parts += [f"Reason in Arabic: “{rule.reason_ar}”."] if rule.reason_ar else []
    if rule.effect == "permit":
        parts += _obligations_en(rule)
    return " ".join(parts)


def _what_en(rule: Rule) -> str:
    when, permit = rule.when, rule.effect == "permit"
    said = [listed(when.sort, "en", "or") if when.sort else EVERYTHING_EN[permit]]
    said += [listed(when.domain, "en", "or")] if when.domain else []
    said += [f"of {listed(when.craft, 'en', 'or')}"] if when.craft else []
    said += [f"within {quoted(when.area, 'en', 'or')}"] if when.area else []
    said += [f"outside {quoted(when.outside, 'en', 'and')}"] if when.outside else []
    said += [f"to which {quoted(when.source, 'en', 'or')} contributed"] if when.source else []
    said += [f"coming from {_originators(when, 'en')}"] if when.originator else []
    said += [f"marked {listed(when.sensitivity, 'en', 'or')}"] if when.sensitivity else []
    if when.emergency is not None:
        said.append("in an emergency" if when.emergency else "without an emergency")
    said += [f"not older than {span(when.age_max_s, 'en')}"] if when.age_max_s is not None else []
    said += [f"in the phase {listed(when.phase, 'en', 'or')}"] if when.phase else []
    return ", ".join(said)


def _obligations_en(rule: Rule) -> list[str]:
    said = []
    if rule.cell_m:
        said.append(f"only as a region: a cell with a side of {counted(rule.cell_m, 'metre', 'en')}")
    else:
        said.append("with its precise position")
    if rule.cell_m and not rule.epoch_s:
        said.append("once in the shortest epoch that there is for such a cell")
    said += [f"once in an epoch of {span(rule.epoch_s, 'en')}"] if rule.epoch_s else []
    said += [f"delayed by {span(rule.delay_s, 'en')}"] if rule.delay_s else []
    said += [f"at most once in {span(rule.rate_s, 'en')} for each track"] if rule.rate_s else []
    if rule.pseudonym_s != FOREVER_S:
        said.append(f"under a number that changes every {span(rule.pseudonym_s, 'en')}")
    said += [f"without {listed(rule.strip, 'en', 'and')}"] if rule.strip else []
    said += [f"for {listed(rule.purpose, 'en', 'and')} only"] if rule.purpose else []
    said += [f"erased after {span(rule.retention_s, 'en')}"] if rule.retention_s != FOREVER_S else []
    if rule.onward is not None:
        said.append(f"passed on to {quoted(rule.onward, 'en', 'and')} only" if rule.onward else "passed on to nobody")
    return [f"It is released {'; '.join(said)}."]


# Both


def _originators(when: When, lang: str) -> str:
    """Partners by their ids, never translated; only the word own is."""
    shown = [words(lang)["own"] if one == "own" else isolated(one, lang) for one in when.originator]
    return (" أو " if lang == "ar" else " or ").join(shown)


def _phases(lang: str) -> Iterator[str]:
    yield from (MOVES_AR if lang == "ar" else MOVES_EN)
    for phase, rule in ALLOWS.items():
        said = rule.sentence_ar if lang == "ar" else rule.sentence_en
        yield f"{isolated(phase_name(phase), lang)} – {said}"


# Arabic


def _parties_ar(one: Agreement) -> Iterator[str]:
    releaser, recipient = isolated(one.releaser, "ar"), isolated(one.recipient, "ar")
    yield (
        f"تتيح {releaser} (الجهة المُتيحة) لـ {recipient} (الجهة المتلقية) ما يلي. هذا هو الاتفاق "
        f"{isolated(one.id, 'ar')}، الإصدار {one.edition}، بالنسخة {one.version} من الصيغة، ويحلّ محله أي إصدار لاحق."
    )
    arabic = f"عنوانه «{one.title_ar}»" if one.title_ar else "ليس له عنوان بالعربية"
    yield f"{arabic}، وبالإنكليزية «{isolated(one.title, 'ar')}»."
    yield f"يسري من {isolated(one.not_before, 'ar')} حتى {isolated(one.not_after, 'ar')} (UTC) وينتهي من تلقاء نفسه."
    if one.treaty_sha256:
        yield f"يستند إلى نص المعاهدة ذي البصمة SHA-256 {isolated(one.treaty_sha256, 'ar')}."
    else:
        yield "لا يسمّي نص معاهدة يستند إليه."
    yield f"عند اختلاف اللغتين يُعتدّ بالنص باللغة {words('ar').get(one.prevailing, one.prevailing)}."
    for who in one.signatories:
        capacity = words("ar").get(who.capacity, who.capacity)
        person, partner = isolated(f"“{who.name}” ({who.person})", "ar"), isolated(who.partner, "ar")
        yield f"يوقّع {person} باسم {partner} بصفته مسؤولًا عن {capacity}."
    yield "يجب أن يكون قد وقّع هذا النص بعينه شخص واحد على الأقل مسؤول عن السياسات لدى كل شريك."


def _bounds_ar(one: Agreement) -> Iterator[str]:
    if one.no_use_of_force:
        yield "لا استخدام للقوة: لا يجوز أن يخدم أي شيء يُتاح بموجب هذا الاتفاق استخدام القوة."
    else:
        yield "لا ينصّ هذا الاتفاق على منع أن يخدم ما يُتاح استخدام القوة."
    yield f"للجهة المتلقية استعماله للأغراض الآتية دون غيرها: {listed(one.purposes, 'ar')}."
    if one.onward:
        yield f"للجهة المتلقية أن تمرّره إلى {quoted(one.onward, 'ar')} دون غيرها."
    else:
        yield "ليس للجهة المتلقية أن تمرّره إلى أحد."
    yield f"تمحوه الجهة المتلقية خلال {span(one.retention_s, 'ar')} على الأكثر."
    if one.backfill_s:
        yield (
            "عند بدء سريانه، وعند عودة الجهة المتلقية بعد انقطاع، تُتاح لها أيضًا بيانات سابقة لا تتجاوز مدتها "
            f"{span(one.backfill_s, 'ar')}، وفق القواعد نفسها، موسومةً بأنها سابقة."
        )
    else:
        yield "لا يتيح بيانات سابقة: ما كان قبل سريانه لا يُتاح."
    if one.sources:
        yield f"للجهة المتلقية أن تعلم بهذه المصادر فقط: {quoted(one.sources, 'ar')}، وتُحسب الإتاحة منها وحدها."
    else:
        yield "ليس للجهة المتلقية أن تعلم بأي مصدر: لم يُسمَّ هنا أي مصدر."
    yield f"يشمل ما هو {listed(one.domains, 'ar', 'or')}." if one.domains else "لا يشمل أي مجال."
    yield f"يشمل هذه المناطق فقط: {quoted(one.areas, 'ar')}." if one.areas else "يشمل كل المناطق."
    yield labels.sentence_ar(one)
    yield concerns.sentence_ar(one)


def _proof_ar(one: Agreement) -> Iterator[str]:
    if one.constant_cadence:
        yield "إيقاع ثابت: قيد واحد في كل دورة، بحجم موسّع، أيًّا كان المضمون، فلا يدل حجمه على شيء."
    else:
        yield "لا إيقاع ثابتًا: قد يدل وقت الإرسال وحجمه على وجود ما يُقال."
    if one.witnesses:
        yield f"شهود السجل الموثّق للجهة المُتيحة: {quoted(one.witnesses, 'ar')}؛ والنصاب {one.quorum}."
    else:
        yield f"لم يُسمَّ شاهد للسجل الموثّق للجهة المُتيحة؛ والنصاب {one.quorum}."
    yield (
        f"لا يبقى من غير إيصال موقّع أكثر من {counted(one.window, 'entry', 'ar')}؛ وبعد ذلك لا يُرسل جديد حتى تصل "
        "الإيصالات."
    )
    promised = one.promises
    for seconds, what in (
        (promised.warning_s, "وصول التحذير إلى مناوب الشريك"),
        (promised.answer_s, "الإجابة عن السؤال"),
        (promised.recall_s, "تنفيذ طلب الاسترجاع والإقرار به"),
        (promised.first_s, "توقيع المتلقي إيصالًا بمسار منذ أول رصد له بمستشعرات الجهة المُتيحة"),
        (promised.alarm_s, "تولّي مناوبٍ لدى المتلقي للتحذير"),
    ):
        if seconds:
            yield f"مهلة متعهَّد بها، تُقاس بالطريقة نفسها لدى الطرفين: {what} خلال {span(seconds, 'ar')}."
        else:
            yield f"لا تعهّد بمهلة من أجل {what}."
    if promised.clock_s:
        yield (
            "تُقاس المهل من أختام زمنية توقّعها العُقدتان؛ وما تخالفه ساعة الطرف الآخر بأكثر من "
            f"{span(promised.clock_s, 'ar')} يُعرض ولا يُحتسب."
        )
    else:
        yield "لم يُذكر مدى اختلاف الساعتين المسموح به: المهل متعهَّد بها ولا تُقاس."


def _general_ar(one: Agreement) -> Iterator[str]:
    yield (
        f"القواعد ({len(one.rules)}): ما لا تسمح به قاعدة لا يُتاح، وما تمنعه أي قاعدة لا يُتاح. وإذا سمحت قواعد عدّة "
        "سرت التزاماتها جميعًا بالأشدّ من كلٍّ منها. وما لا يُعرف يُعدّ غير مسموح به، ويُعدّ ممنوعًا حيث تمنعه قاعدة."
    )


def _rule_ar(place: int, rule: Rule) -> str:
    does = {"permit": "تسمح بإتاحة", "forbid": "تمنع إتاحة"}.get(rule.effect, rule.effect)
    parts = [f"القاعدة {place}، {isolated(rule.id, 'ar')}، {does} {_what_ar(rule)}."]
    parts += [f"السبب: «{rule.reason_ar}»."] if rule.reason_ar else ["لم يُذكر سبب بالعربية."]
    parts += [f"السبب بالإنكليزية: «{isolated(rule.reason, 'ar')}»."] if rule.reason else []
    if rule.effect == "permit":
        parts += _obligations_ar(rule)
    return " ".join(parts)


def _what_ar(rule: Rule) -> str:
    when, permit = rule.when, rule.effect == "permit"
    said = [listed(when.sort, "ar", "or") if when.sort else EVERYTHING_AR[permit]]
    said += [listed(when.domain, "ar", "or")] if when.domain else []
    said += [f"لأنواع المركبات: {listed(when.craft, 'ar', 'or')}"] if when.craft else []
    said += [f"داخل {quoted(when.area, 'ar', 'or')}"] if when.area else []
    said += [f"خارج {quoted(when.outside, 'ar')}"] if when.outside else []
    said += [f"بمساهمة {quoted(when.source, 'ar', 'or')}"] if when.source else []
    said += [f"الصادرة عن {_originators(when, 'ar')}"] if when.originator else []
    said += [f"بدرجة حساسية: {listed(when.sensitivity, 'ar', 'or')}"] if when.sensitivity else []
    if when.emergency is not None:
        said.append("في حالة طارئة" if when.emergency else "من غير حالة طارئة")
    said += [f"بعمر لا يزيد على {span(when.age_max_s, 'ar')}"] if when.age_max_s is not None else []
    said += [f"في مرحلة: {listed(when.phase, 'ar', 'or')}"] if when.phase else []
    return "، ".join(said)


def _obligations_ar(rule: Rule) -> list[str]:
    said = []
    if rule.cell_m:
        said.append(f"على هيئة رقعة فقط: خلية بضلع من {counted(rule.cell_m, 'metre', 'ar')}")
    else:
        said.append("بالموقع الدقيق")
    if rule.cell_m and not rule.epoch_s:
        said.append("مرة واحدة في أقصر حقبة متاحة لخلية كهذه")
    said += [f"مرة واحدة في كل حقبة من {span(rule.epoch_s, 'ar')}"] if rule.epoch_s else []
    said += [f"بتأخير {span(rule.delay_s, 'ar')}"] if rule.delay_s else []
    said += [f"مرة واحدة على الأكثر لكل مسار في كل {span(rule.rate_s, 'ar')}"] if rule.rate_s else []
    if rule.pseudonym_s != FOREVER_S:
        said.append(f"برقم يتغيّر كل {span(rule.pseudonym_s, 'ar')}")
    said += [f"من غير {listed(rule.strip, 'ar')}"] if rule.strip else []
    said += [f"لهذه الأغراض فقط: {listed(rule.purpose, 'ar')}"] if rule.purpose else []
    said += [f"مع المحو بعد {span(rule.retention_s, 'ar')}"] if rule.retention_s != FOREVER_S else []
    if rule.onward is not None:
        said.append(f"مع التمرير إلى {quoted(rule.onward, 'ar')} فقط" if rule.onward else "من غير تمرير إلى أحد")
    return [f"ويُتاح ذلك {'؛ '.join(said)}."]
