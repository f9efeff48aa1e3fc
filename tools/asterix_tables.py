"""Write src/manara/feeds/asterix/tables.py from the public ASTERIX category definitions.

The definitions are those of the asterix-specs project (BSD-3), as the development dependency libasterix carries
them. The running program never imports libasterix: it reads the table that this script wrote.

    python tools/asterix_tables.py

Shape of the table, one JSON text per category (read when a feed first needs it)::

    {"nodes": [node, …], "editions": {"1.31": [[uap name, [[item, node] | null | "RFS", …], max fspec bytes], …]},
     "selector": [item, subitem, {value: uap name}] | null, "expansions": {"1.13": [node of the RE field's body]}}

    node  ["e", bits, content]                              element
          ["g", [[name | null, bits, node | null], …]]      group; a null name is spare bits
          ["x", [[[name, bits, node] … , null] …]]          extended; null is the FX bit
          ["r", bytes of the counter | 0, node]             repetitive; 0: an FX bit behind each
          ["z"]                                             explicit: a length byte that counts itself
          ["c", max fspec bytes, [[name, node] | null, …]]  compound
          ["f", fspec bytes, [[name, node] | null, …]]      compound with a fixed fspec without FX
    content ["raw"] ["table"] ["str", kind] ["int", signed] ["q", signed, lsb, unit] ["bds"]
            ["dep", paths, default, cases]                  by another subfield
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from asterix import base, generated

CATEGORIES = (1, 2, 10, 19, 20, 21, 23, 34, 48, 62, 63, 65, 247)
OUT = pathlib.Path(__file__).resolve().parent.parent / "src/manara/feeds/asterix/tables.py"
STRINGS = {base.StringAscii: "ascii", base.StringICAO: "icao", base.StringOctal: "octal"}

Nodes = dict[str, int]


def content(c: Any) -> list[Any]:
    """The meaning of the bits of one element."""
    if issubclass(c, base.ContentTable):
        return ["table"]
    if issubclass(c, base.ContentString):
        return ["str", STRINGS[c.cv_string_type]]
    if issubclass(c, base.ContentInteger):
        return ["int", int(c.cv_signedness is base.Signed)]
    if issubclass(c, base.ContentQuantity):
        return ["q", int(c.cv_signedness is base.Signed), c.cv_lsb, c.cv_unit]
    return ["bds"] if issubclass(c, base.ContentBds) else ["raw"]


def rule_content(rule: Any) -> list[Any]:
    """Content, or content that depends on another field of the record."""
    if issubclass(rule, base.RuleContentContextFree):
        return content(rule.cv_content)
    cases = [[list(key), content(c)] for key, c in rule.cv_cases]
    return ["dep", rule.cv_depends_on, content(rule.cv_default_content), cases]


def add(nodes: Nodes, node: list[Any]) -> int:
    """The number of the node; equal nodes are stored once."""
    text = json.dumps(node, separators=(",", ":"))
    return nodes.setdefault(text, len(nodes))


def nonspare(nodes: Nodes, ns: Any) -> int:
    """The node of a named field. Where the variation depends on other fields the default stands."""
    rule = ns.cv_rule
    free = issubclass(rule, base.RuleVariationContextFree)
    return variation(nodes, rule.cv_variation if free else rule.cv_default_variation)


def member(nodes: Nodes, spec: Any, bits: int) -> list[Any]:
    """One member of a group or of an extended field."""
    if issubclass(spec, base.Spare):
        return [None, bits, None]
    return [spec.cv_non_spare.cv_name, bits, nonspare(nodes, spec.cv_non_spare)]


def named(nodes: Nodes, items: Any) -> list[Any]:
    """The subfields of a compound."""
    return [None if ns is None else [ns.cv_name, nonspare(nodes, ns)] for ns in items]


def variation(nodes: Nodes, v: Any) -> int:
    """The node of any variation."""
    if issubclass(v, base.Element):
        return add(nodes, ["e", v.cv_bit_size, rule_content(v.cv_rule)])
    if issubclass(v, base.Group):
        return add(nodes, ["g", [member(nodes, spec, bits) for spec, bits in v.cv_items_list]])
    if issubclass(v, base.Extended):
        parts = [[None if m is None else member(nodes, *m) for m in part] for part in v.cv_items_list]
        return add(nodes, ["x", parts])
    if issubclass(v, base.Repetitive):
        return add(nodes, ["r", v.cv_rep_bytes or 0, variation(nodes, v.cv_variation)])
    if issubclass(v, base.Explicit):
        return add(nodes, ["z"])
    if issubclass(v, base.Compound):
        return add(nodes, ["c", v.cv_fspec_max_bytes, named(nodes, v.cv_items_list)])
    raise TypeError(v)


def uap_row(nodes: Nodes, item: Any) -> Any:
    """One row of a user application profile."""
    if issubclass(item, base.UapItem):
        return [item.cv_non_spare.cv_name, nonspare(nodes, item.cv_non_spare)]
    return "RFS" if issubclass(item, base.UapItemRFS) else None


def uap(nodes: Nodes, name: str, record: Any) -> list[Any]:
    """A user application profile: its name, its rows, its longest fspec."""
    return [name, [uap_row(nodes, item) for item in record.cv_items_list], record.cv_fspec_max_bytes]


def edition_text(spec: Any) -> str:
    """How the edition is written, "1.31"."""
    return "{}.{}".format(*spec.cv_edition)


def expansion(nodes: Nodes, spec: Any) -> int:
    """The body of a reserved expansion field."""
    kind, size = spec.cv_expansion.cv_type
    tag = "f" if kind is base.FspecFixed else "c"
    return add(nodes, [tag, size, named(nodes, spec.cv_expansion.cv_items_list)])


def category(number: int) -> dict[str, Any]:
    """All editions of one category."""
    nodes: Nodes = {}
    editions: dict[str, Any] = {}
    selector = None
    for spec in generated.manifest["CATS"][number]:
        u = spec.cv_uap
        if issubclass(u, base.UapSingle):
            editions[edition_text(spec)] = [uap(nodes, "", u.cv_record)]
            continue
        editions[edition_text(spec)] = [uap(nodes, name, record) for name, record in u.cv_uaps.items()]
        path, values = u.cv_selector
        selector = [*path, {str(k): v for k, v in values.items()}]
    expansions = {edition_text(s): expansion(nodes, s) for s in generated.manifest["REFS"].get(number, [])}
    return {
        "nodes": [json.loads(text) for text in nodes],
        "editions": editions,
        "selector": selector,
        "expansions": expansions,
    }


def main() -> int:
    """Write the table."""
    lines = [
        '"""Written by tools/asterix_tables.py from the public ASTERIX category definitions; do not edit.',
        "",
        f"asterix-specs of {generated.asterix_specs_date}, {generated.asterix_specs_ref}",
        '"""',
        "",
        "TEXT: dict[int, str] = {",
    ]
    for number in CATEGORIES:
        text = json.dumps(category(number), separators=(",", ":"))
        if "'" in text or "\\" in text:
            text = text.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"    {number}: '{text}',")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join([*lines, "}", ""]))
    print(f"{OUT.name}: {len(CATEGORIES)} categories, {OUT.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
