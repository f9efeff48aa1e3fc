"""The account as people read it: a spreadsheet, and a page that prints, each in English and in Arabic.

Both show the same tables, made once here. The page is one file without anything from elsewhere.
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manara.host.account import Account, Line, Partner, share
from manara.host.reciprocity import Added

LANGUAGES = ("en", "ar")
Cell = str | int | float

WORDS = {
    "title": ("Account of what was shared", "كشف ما تمت إتاحته"),
    "node": ("node", "العُقدة"),
    "month": ("month (UTC)", "الشهر (UTC)"),
    "log": ("log", "السجل الموثّق"),
    "leaves": ("leaves of the log when it was read", "عدد أوراق السجل عند قراءته"),
    "root": ("root of the log then", "جذر السجل حينها"),
    "partner": ("partner", "الشريك"),
    "summary": ("Summary", "الملخّص"),
    "released": ("What left, and why", "ما أُتيح ولماذا"),
    "moves": ("Phases and recalls", "المراحل وطلبات الاسترجاع"),
    "withheld": ("Entries withheld", "القيود المحجوبة"),
    "added": ("What the partner added", "ما أضافه الشريك"),
    "minutes": ("minutes", "دقائق"),
    "detections": ("detections with it", "ما رُصد بوجوده"),
    "without": ("without it", "من دونه"),
    "share": ("added by it (%)", "ما أضافه (٪)"),
    "lead": ("seen earlier, median (s)", "أبكر، الوسيط (ث)"),
    "surer": ("less variance of places, median (%)", "نقص تباين المواقع، الوسيط (٪)"),
    "entries": ("entries", "القيود"),
    "history": ("of them history", "منها بيانات سابقة"),
    "rows": ("rows", "الصفوف"),
    "erased": ("rows erased since", "صفوف مُحيت بعد ذلك"),
    "pruned": ("rows of which heads alone are left", "صفوف لم يبقَ منها إلا الرؤوس"),
    "came": ("entries from this partner", "قيود وردت من هذا الشريك"),
    "receipts": ("receipts", "الإيصالات"),
    "receipt_p50": ("entry to receipt, median (s)", "من القيد إلى الإيصال، الوسيط (ث)"),
    "receipt_p95": ("entry to receipt, 95th percentile (s)", "من القيد إلى الإيصال، المئين 95 (ث)"),
    "open": ("entries without a receipt", "قيود بلا إيصال"),
    "rules": ("rules", "القواعد"),
    "table": ("kind of row", "نوع الصف"),
    "cell": ("cell (m; 0: precise)", "الخلية (م؛ 0: دقيق)"),
    "delay": ("agreed delay (s)", "التأخير المتفق عليه (ث)"),
    "retention": ("recipient keeps it (s)", "مدة الاحتفاظ لدى المتلقي (ث)"),
    "tracks": ("tracks", "المسارات"),
    "age_p50": ("age when it left, median (s)", "العمر عند الإتاحة، الوسيط (ث)"),
    "age_p95": ("age when it left, 95th percentile (s)", "العمر عند الإتاحة، المئين 95 (ث)"),
    "time": ("time (UTC)", "الوقت (UTC)"),
    "what": ("what", "الحدث"),
    "said": ("said", "المضمون"),
    "reason": ("reason", "السبب"),
    "phase": ("phase", "مرحلة"),
    "policy": ("agreement", "اتفاق"),
    "recall": ("recall", "طلب استرجاع"),
    "recall.done": ("rows erased for a recall", "صفوف مُحيت لطلب استرجاع"),
    "precise": ("precise track", "مسار دقيق"),
    "coarse": ("region", "منطقة"),
    "warning": ("warning", "تحذير"),
    "names": ("name", "اسم"),
    "ended": ("end of a track", "نهاية مسار"),
    "of history": ("history", "بيانات سابقة"),
    "note": (
        "Taken from this node's own log alone. What no rule let go has no entry and is not counted here; rows erased "
        "since are counted and no longer broken down. That something is in the log proves that it was released, a "
        "receipt proves that it arrived; nothing proves what was done with it.",
        "مأخوذ من سجل هذه العُقدة وحده. ما لم تسمح به أي قاعدة لا قيد له ولا يُحصى هنا؛ والصفوف التي مُحيت بعد ذلك تُحصى "
        "من غير تفصيل. وجود الشيء في السجل يثبت إتاحته، والإيصال يثبت وصوله، ولا شيء يثبت ما فُعل به.",
    ),
}


@dataclass(frozen=True)
class Sheet:
    """One table: a title, names of columns, rows."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def word(name: str, lang: str) -> str:
    """A word of the account; what is not in the list stands as it is."""
    found = WORDS.get(name)
    return found[LANGUAGES.index(lang)] if found else name


def sheets(account: Account, lang: str) -> tuple[Sheet, ...]:
    """The tables, in one language."""
    partners = [account.partners[name] for name in sorted(account.partners)]
    return (
        _sheet(
            "summary",
            lang,
            (
                "partner",
                "entries",
                "history",
                "rows",
                "erased",
                "pruned",
                "receipts",
                "receipt_p50",
                "receipt_p95",
                "open",
                "came",
            ),
            map(_summary, partners),
        ),
        _sheet(
            "released",
            lang,
            ("partner", "rules", "table", "cell", "delay", "retention", "rows", "tracks", "age_p50", "age_p95"),
            (row for one in partners for row in _released(one, lang)),
        ),
        _sheet(
            "moves",
            lang,
            ("partner", "time", "what", "said"),
            ((one.id, utc(each.time_ns), word(each.what, lang), each.said) for one in partners for each in one.moves),
        ),
        _sheet(
            "withheld",
            lang,
            ("partner", "reason", "entries"),
            ((one.id, why, many) for one in partners for why, many in sorted(one.withheld.items())),
        ),
        _sheet(
            "added",
            lang,
            ("partner", "time", "minutes", "detections", "without", "share", "lead", "surer"),
            (_added(each) for one in partners for each in one.added),
        ),
    )


def _sheet(name: str, lang: str, columns: tuple[str, ...], rows: Any) -> Sheet:
    return Sheet(name, word(name, lang), tuple(word(one, lang) for one in columns), tuple(rows))


def _summary(one: Partner) -> tuple[Cell, ...]:
    late = one.receipted_s
    return (one.id, one.entries, one.history, one.rows, one.erased, one.pruned, one.receipts,
            round(share(late, 0.5), 1), round(share(late, 0.95), 1), one.open_entries, one.came)  # fmt: skip


def _added(one: Added) -> tuple[Cell, ...]:
    """What a partner added in one stretch; "" where there was nothing to measure it by."""
    minutes = round((one.end_ns - one.begin_ns) / 60e9)
    share_of = "" if one.share is None else round(100.0 * one.share, 1)
    surer = "" if one.surer is None else round(100.0 * one.surer, 1)
    lead = "" if one.lead_s is None else round(one.lead_s, 1)
    return (one.partner, utc(one.begin_ns), minutes, one.detections, one.without, share_of, lead, surer)


def _released(one: Partner, lang: str) -> Iterator[tuple[Cell, ...]]:
    def order(line: Line) -> tuple[Any, ...]:
        return (line.table, -line.rows, line.rules, line.cell_m, line.delay_s)

    for line in sorted(one.lines.values(), key=order):
        table, _, history = line.table.partition(" (")
        said = word(table, lang) + (f" ({word('of history', lang)})" if history else "")
        yield (one.id, ", ".join(line.rules), said, line.cell_m, line.delay_s, line.retention_s, line.rows,
               len(line.tracks), round(share(line.age_s, 0.5), 1), round(share(line.age_s, 0.95), 1))  # fmt: skip


def utc(time_ns: int) -> str:
    """As people read it.

    >>> utc(1_793_491_200_000_000_000)
    '2026-11-01 00:00:00'
    """
    return dt.datetime.fromtimestamp(time_ns // 1_000_000_000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def about(account: Account, lang: str) -> tuple[tuple[str, Cell], ...]:
    """What stands above the tables."""
    return (
        (word("node", lang), account.own),
        (word("month", lang), account.month),
        (word("log", lang), account.origin),
        (word("leaves", lang), account.size),
        (word("root", lang), account.root),
    )


def spreadsheet(account: Account, path: Path) -> None:
    """Write the workbook: each table in each language; Arabic sheets run from right to left. May raise OSError."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True})
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    for lang in LANGUAGES:
        for one in sheets(account, lang):
            page = book.add_worksheet(one.title[:31])
            if lang == "ar":
                page.right_to_left()
            page.set_landscape()
            page.fit_to_pages(1, 0)
            top = 0
            if one.name == "summary":
                page.write_string(0, 0, word("title", lang), bold)
                for row, (name, value) in enumerate(about(account, lang), 1):
                    page.write_string(row, 0, name)
                    page.write(row, 1, value)
                page.merge_range(6, 0, 6, len(one.columns) - 1, word("note", lang), wrapped)
                page.set_row(6, 60)
                top = 8
            page.set_column(0, len(one.columns) - 1, 18)
            for column, name in enumerate(one.columns):
                page.write_string(top, column, name, bold)
            for row, cells in enumerate(one.rows, top + 1):
                for column, cell in enumerate(cells):
                    page.write(row, column, cell)
            page.freeze_panes(top + 1, 1)
    book.close()


STYLE = """@page{size:A4 landscape;margin:14mm}
body{font:10pt/1.45 "IBM Plex Sans","IBM Plex Sans Arabic","Noto Sans Arabic","DejaVu Sans",sans-serif;
color:#111;margin:2rem}
h1{font-size:16pt;margin:0 0 .5rem}h2{font-size:12pt;margin:1.4rem 0 .4rem;break-after:avoid}
table{border-collapse:collapse;width:100%}thead{display:table-header-group}tr{break-inside:avoid}
th,td{border-bottom:.5pt solid #999;padding:.2rem .5rem;text-align:start;vertical-align:top}
th{border-bottom:1pt solid #111;font-weight:600}td.n{text-align:end;font-variant-numeric:tabular-nums}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 1rem}dt{font-weight:600}dd{margin:0}
bdi{unicode-bidi:isolate;overflow-wrap:anywhere}p{max-width:60em}@media print{body{margin:0}}"""


def page(account: Account, lang: str) -> str:
    """The page that prints, in one language: one file, no script, nothing from elsewhere."""
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_value(value)}</dd>" for name, value in about(account, lang))
    tables = "".join(map(_table, sheets(account, lang)))
    title = f"{word('title', lang)} – {account.own}, {account.month}"
    return (
        f'<!doctype html><html lang="{lang}" dir="{"rtl" if lang == "ar" else "ltr"}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body><h1>{_text(word('title', lang))}</h1>"
        f"<dl>{facts}</dl><p>{_text(word('note', lang))}</p>{tables}</body></html>\n"
    )


def _table(one: Sheet) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in one.columns)
    body = "".join(
        "<tr>" + "".join(f"<td{'' if isinstance(c, str) else ' class=n'}>{_value(c)}</td>" for c in row) + "</tr>"
        for row in one.rows
    )
    return f"<h2>{_text(one.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _value(cell: Cell) -> str:
    """Numbers, names and times keep their own direction."""
    return f"<bdi>{_text(cell if isinstance(cell, str) else f'{cell:,}')}</bdi>"


def _text(said: str) -> str:
    return html.escape(said)
