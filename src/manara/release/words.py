"""The words of agreements in both languages: what a person reads is made from these and the fields, nothing else."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "ar")
OPEN, CLOSE = "\u2068", "\u2069"  # an identifier within Arabic keeps its own direction

Words = Mapping[str, str]

EN: Words = {
    # purposes
    "safety_of_life": "safety of life",
    "search_and_rescue": "search and rescue",
    "civil_protection": "civil protection",
    "traffic_safety": "safety of traffic",
    "border_and_customs": "border control and customs",
    "environment": "protection of the environment",
    "investigation": "investigation of incidents",
    "exercise": "exercises",
    "picture": "the shared picture itself",
    # strips
    "identity": "identity (MMSI, aircraft address, mode 3/A)",
    "names": "names and call signs",
    "height": "height",
    "kinematics": "speed, course, heading and climb",
    "accuracy": "accuracy and increments",
    "source": "which sensors saw it",
    "kind": "what sort of craft it is",
    # sorts
    "track": "tracks",
    "warning": "warnings",
    "remark": "remarks",
    "coverage": "coverage",
    "alert": "alerts",
    "claim": "claims",
    "capability": "capabilities",
    "gap": "gaps of coverage",
    # domains
    "air": "in the air",
    "sea": "at sea",
    "land": "on land",
    # sensitivities
    "open": "open",
    "limited": "limited",
    "restricted": "restricted",
    "closed": "closed",
    # phases and capacities
    "suspended": "suspended",
    "warning_only": "warning only",
    "interim": "interim",
    "full": "full",
    "policy": "policy",
    "operational": "operations",
    # craft
    "vessel_a": "vessels with AIS class A",
    "vessel_b": "vessels with AIS class B",
    "base_station": "base stations",
    "aid_to_navigation": "aids to navigation",
    "search_aircraft": "search aircraft",
    "distress_device": "distress devices",
    "aircraft": "aircraft",
    "unmanned_aircraft": "unmanned aircraft",
    "ground_vehicle": "ground vehicles",
    "system_track_air": "system tracks of other trackers in the air",
    "system_track_sea": "system tracks of other trackers at sea",
    "surface_obstacle": "surface obstacles",
    "vessel": "vessels",
    "own": "the releaser itself",
    "en": "English",
    "ar": "Arabic",
}

AR: Words = {
    "safety_of_life": "سلامة الأرواح",
    "search_and_rescue": "البحث والإنقاذ",
    "civil_protection": "الحماية المدنية",
    "traffic_safety": "سلامة الملاحة والمرور",
    "border_and_customs": "مراقبة الحدود والجمارك",
    "environment": "حماية البيئة",
    "investigation": "التحقيق في الحوادث",
    "exercise": "التمارين",
    "picture": "الصورة المشتركة نفسها",
    "identity": "الهوية (رقم الخدمة المتنقلة البحرية وعنوان الطائرة والرمز 3/A)",
    "names": "الأسماء ونداءات التعريف",
    "height": "الارتفاع",
    "kinematics": "السرعة وخط السير واتجاه المقدمة ومعدل الصعود",
    "accuracy": "هامش الخطأ والزيادات المعلوماتية",
    "source": "المستشعرات التي رصدتها",
    "kind": "نوع المركبة",
    "track": "المسارات",
    "warning": "التحذيرات",
    "remark": "الملاحظات",
    "coverage": "التغطية",
    "alert": "الإنذارات",
    "claim": "الادعاءات",
    "capability": "القدرات",
    "gap": "فجوات التغطية",
    "air": "في الجو",
    "sea": "في البحر",
    "land": "على البر",
    "open": "مفتوح",
    "limited": "محدود",
    "restricted": "مقيّد",
    "closed": "مغلق",
    "suspended": "معلّق",
    "warning_only": "تحذير فقط",
    "interim": "مؤقت",
    "full": "كامل",
    "policy": "السياسات",
    "operational": "العمليات",
    "vessel_a": "السفن ذات نظام التعريف الآلي من الفئة A",
    "vessel_b": "السفن ذات نظام التعريف الآلي من الفئة B",
    "base_station": "المحطات القاعدية",
    "aid_to_navigation": "المساعدات الملاحية",
    "search_aircraft": "طائرات البحث",
    "distress_device": "أجهزة الاستغاثة",
    "aircraft": "الطائرات",
    "unmanned_aircraft": "الطائرات المسيّرة",
    "ground_vehicle": "المركبات الأرضية",
    "system_track_air": "مسارات أنظمة تتبّع أخرى في الجو",
    "system_track_sea": "مسارات أنظمة تتبّع أخرى في البحر",
    "surface_obstacle": "العوائق السطحية",
    "vessel": "السفن",
    "own": "الجهة المُتيحة نفسها",
    "en": "الإنكليزية",
    "ar": "العربية",
}

# What a rule speaks of that names no sort: a forbid of all, a permit of all that need not be named.
EVERYTHING_EN = ("everything", "everything but coverage, capabilities and gaps of coverage")
EVERYTHING_AR = ("كل شيء", "كل شيء ما عدا التغطية والقدرات وفجوات التغطية")

RULE_ZERO_EN = (
    "Rule 0, the duty to warn: whatever this agreement, its phase or its suspension says, each partner warns the other "
    "of danger to life. Such a warning names one of the recipient's own published areas, a class of hazard, a severity "
    "and a window of five minutes, and nothing else: no track, no position, no source. It always has the same size, "
    "and for one area there is at most one in a minute. It is computed from all sources. It goes to the partner's desk "
    "and never to the public.",
    "Precedence: written opt-out > rule 0 > never_to > agreement. A partner that has declared in writing that it does "
    "not want to be warned is not warned; above everything else stands rule 0; then comes what a releaser has ruled "
    "out for good; and last what is written here.",
)
RULE_ZERO_AR = (
    "القاعدة 0، واجب التحذير: مهما نصّ عليه هذا الاتفاق أو مرحلته أو تعليقه، يحذّر كل شريك الآخر من الخطر على الأرواح. "
    "ولا يذكر التحذير سوى منطقة واحدة من المناطق التي أعلنها المتلقي نفسه، وصنف الخطر، وشدّته، ونافذة زمنية من خمس "
    "دقائق: لا مسار ولا موقع ولا مصدر. وحجمه ثابت دائمًا، ولا يصدر للمنطقة الواحدة أكثر من تحذير واحد في الدقيقة. "
    "ويُحسب من جميع المصادر، ويصل إلى مناوب الشريك ولا يُنشر للعموم أبدًا.",
    "ترتيب الأسبقية: إعفاء مكتوب > القاعدة 0 > المنع الدائم (never_to) > الاتفاق. فالشريك الذي أعلن كتابةً أنه لا يريد "
    "التحذير لا يُحذَّر؛ وفوق كل ما عدا ذلك القاعدة 0؛ ثم ما استبعدته الجهة المُتيحة نهائيًا؛ وأخيرًا ما كُتب هنا.",
)

# Arabic counts: one, two, few (3 to 10), many (11 to 99), other (hundreds). In the genitive: each stands behind a
# preposition (خلال، بعد، من، على).
_UNITS_AR: Mapping[str, tuple[str, str, str, str, str]] = {
    "day": ("يوم واحد", "يومين", "أيام", "يومًا", "يوم"),
    "hour": ("ساعة واحدة", "ساعتين", "ساعات", "ساعة", "ساعة"),
    "minute": ("دقيقة واحدة", "دقيقتين", "دقائق", "دقيقة", "دقيقة"),
    "second": ("ثانية واحدة", "ثانيتين", "ثوانٍ", "ثانية", "ثانية"),
    "metre": ("متر واحد", "مترين", "أمتار", "مترًا", "متر"),
    "entry": ("قيد واحد", "قيدين", "قيود", "قيدًا", "قيد"),
}
_MANY_EN = {"entry": "entries"}
_SPANS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def words(lang: str) -> Words:
    """The table of a language."""
    return AR if lang == "ar" else EN


def isolated(text: str, lang: str) -> str:
    """An identifier as it stands within a sentence."""
    return f"{OPEN}{text}{CLOSE}" if lang == "ar" else text


def counted(n: int, unit: str, lang: str) -> str:
    """A number with its unit.

    >>> counted(1, "day", "en"), counted(3_600, "second", "en"), counted(2, "entry", "en")
    ('1 day', '3,600 seconds', '2 entries')
    >>> [counted(n, "day", "ar") for n in (1, 2, 3, 11, 100)]
    ['يوم واحد', 'يومين', '3 أيام', '11 يومًا', '100 يوم']
    """
    if lang != "ar":
        return f"{n:,} {unit if n == 1 else _MANY_EN.get(unit, unit + 's')}"
    one, two, few, many, other = _UNITS_AR[unit]
    if n in (1, 2):
        return one if n == 1 else two
    tail = n % 100
    return f"{n:,} {few if 3 <= tail <= 10 else many if 11 <= tail <= 99 else other}"


def span(seconds: int, lang: str) -> str:
    """A span of time in the largest unit that says it exactly.

    >>> span(86_400, "en"), span(90, "en"), span(5_400, "en")
    ('1 day', '90 seconds', '90 minutes')
    """
    for unit, size in _SPANS:
        if seconds and seconds % size == 0:
            return counted(seconds // size, unit, lang)
    return counted(seconds, "second", lang)


def listed(names: tuple[str, ...], lang: str, word: str = "") -> str:
    """Names in a row, translated where the language has a word for them. ``word``: or, and."""
    table = words(lang)
    shown = [table.get(one) or isolated(one, lang) for one in names]
    if lang == "ar":
        return f" {'أو' if word == 'or' else 'و'} ".join(shown) if word == "or" else "، ".join(shown)
    if len(shown) < 2 or not word:
        return ", ".join(shown)
    return f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def quoted(names: tuple[str, ...], lang: str, word: str = "") -> str:
    """Identifiers in a row, never translated."""
    shown = [isolated(one, lang) for one in names]
    if lang == "ar":
        return (" أو " if word == "or" else "، ").join(shown)
    if len(shown) < 2 or not word:
        return ", ".join(shown)
    return f"{', '.join(shown[:-1])} {word} {shown[-1]}"
