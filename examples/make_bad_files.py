"""Writes files that must not be imported, or only in part, and `expected.json`: the code that each declaration in them gets.

    python examples/make_bad_files.py --as-of 2026-10-31 --out examples/bad

`ok` stands for a declaration that is imported all the same; a file that is refused as a whole has its code alone, as a string.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

from make_declarations import HERE, Declaration, enveloped, message, pool, table, xml

Expected = str | list[str]
BOMB = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 9))


def bad_files(as_of: date) -> dict[str, tuple[bytes, Expected]]:
    """Every bad file by its name, with what its declarations get."""
    return {**_broken_xml(_some(as_of)), **_broken_csv(_some(as_of)), **_broken_rules(_some(as_of))}


def _some(as_of: date) -> list[Declaration]:
    """Three sound declarations under numbers that no other example has."""
    found = pool("exporter-b", 3, as_of)
    for position, declaration in enumerate(found):
        declaration.head["EntryId"] = declaration.head["EntryId"][:9] + f"9{position:08d}"
    return found


def _broken_xml(good: list[Declaration]) -> dict[str, tuple[bytes, Expected]]:
    one = message(good[0])
    external = '<!DOCTYPE DecMessage [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n'
    return {
        "xxe.xml": (xml(external + one.replace("示例报关有限公司", "&x;")), "xml-forbidden"),
        "entity-bomb.xml": (
            xml(f'<!DOCTYPE DecMessage [<!ENTITY b0 "plum">{BOMB}]>\n' + one.replace("示例报关有限公司", "&b8;")),
            "xml-forbidden",
        ),
        "document-type.xml": (xml("<!DOCTYPE DecMessage>\n" + one), "xml-forbidden"),
        "undeclared-entity.xml": (xml(one.replace("示例报关有限公司", "&x;")), ["xml-malformed"]),
        "malformed.xml": (
            xml(enveloped(good).replace("</DecLists>\n</DecMessage>\n</DecEnvelope>", "</DecList>")),
            ["ok", "ok", "xml-malformed"],
        ),
        "truncated.xml": (xml(enveloped(good))[:-900], ["ok", "ok", "xml-malformed"]),
        "wrong-encoding.xml": (xml(one, "GB18030").replace(b'"GB18030"', b'"UTF-8"'), ["encoding-wrong"]),
        "utf-16.xml": (xml(one, "UTF-16"), "encoding-wrong"),
        "too-deep.xml": (xml("<a>" * 40 + one + "</a>" * 40), ["xml-too-deep"]),
        "two-heads.xml": (xml(one.replace("  </DecHead>\n", "  </DecHead>\n  <DecHead/>\n")), ["message-invalid"]),
        "field-twice.xml": (
            xml(one.replace("    <IEFlag>", f"    <EntryId>{good[1].head['EntryId']}</EntryId>\n    <IEFlag>")),
            ["message-invalid"],
        ),
        "nothing-in-it.xml": (xml("<DecEnvelope/>\n"), ["no-declarations"]),
        "duplicate-number.xml": (xml(enveloped([good[0], good[1], good[0]])), ["ok", "ok", "duplicate-in-file"]),
        "spreadsheet.xlsx": (b"PK\x03\x04 not a spreadsheet either", "xlsx-malformed"),
    }


def _broken_csv(good: list[Declaration]) -> dict[str, tuple[bytes, Expected]]:
    whole = table(good, chinese=False)
    header, rows = whole.split("\r\n", 1)
    apart = Declaration(good[0].head, [good[0].lines[0] | {"GNo": "2"}])
    return {
        "wrong-columns.csv": (whole.replace("exporter_uscc", "tax_number", 1).encode(), "table-columns"),
        "missing-columns.csv": (whole.replace("currency", "").encode(), "table-columns"),
        "duplicate-columns.csv": (whole.replace("buyer", "报关单号", 1).encode(), "table-columns"),
        "no-rows.csv": (f"{header}\r\n".encode(), ["no-declarations"]),
        "open-quote.csv": ((whole + '"never closed').encode(), "csv-malformed"),
        "wrong-encoding.csv": (whole.encode() + b"\xff\xff\r\n", "encoding-wrong"),
        "short-row.csv": ((f"{header}\r\nonly,three,cells\r\n" + rows).encode(), ["csv-row", "ok", "ok", "ok"]),
        "rows-apart.csv": (table([good[0], good[1], apart], chinese=False).encode(), ["duplicate-in-file", "ok", "duplicate-in-file"]),
        "rows-differ.csv": (_rows_differ(good[0]).encode(), ["rows-differ"]),
    }


def _rows_differ(declaration: Declaration) -> str:
    second = Declaration(declaration.head | {"TradeName": "another exporter"}, [declaration.lines[0] | {"GNo": "2"}])
    first = Declaration(declaration.head, declaration.lines[:1])
    return table([first, second], chinese=False)


def _broken_rules(good: list[Declaration]) -> dict[str, tuple[bytes, Expected]]:
    """One sound declaration, one that breaks a rule, one sound one: the rest of a file goes on."""
    number = good[1].head["EntryId"]
    uscc = good[1].head["TradeCoScc"]
    heads: dict[str, tuple[dict[str, str], str]] = {
        "import-declaration": ({"EntryId": number[:8] + "1" + number[9:], "IEFlag": "I"}, "not-export"),
        "import-number": ({"EntryId": number[:8] + "1" + number[9:]}, "not-export"),
        "import-flag": ({"IEFlag": "I"}, "not-export"),
        "number-17-digits": ({"EntryId": number[:-1]}, "number-format"),
        "number-19-digits": ({"EntryId": number + "0"}, "number-format"),
        "not-cleared": ({"EntryId": ""}, "not-cleared"),
        "uscc-check-character": ({"TradeCoScc": uscc[:-1] + ("0" if uscc[-1] != "0" else "1")}, "uscc-invalid"),
        "no-such-day": ({"IEDate": "20260931"}, "date-invalid"),
        "export-in-1999": ({"IEDate": "19991231"}, "date-invalid"),
        "unknown-country": ({"TradeCountry": "ATLANTIS"}, "country-unknown"),
        "no-exporter-name": ({"TradeName": " "}, "field-missing"),
        "name-too-long": ({"OverseasConsigneeEname": "A" * 1_025}, "field-too-long"),
        "samples": ({"TradeMode": "3010"}, "receivable-unknown"),
        "no-processing-fee": ({"TradeMode": "0214"}, "receivable-unknown"),
    }
    lines: dict[str, tuple[dict[str, str], str]] = {
        "negative-amount": ({"DeclTotal": "-100.00"}, "amount-invalid"),
        "zero-amount": ({"DeclTotal": "0.00"}, "amount-invalid"),
        "absurd-amount": ({"DeclTotal": "99999999999999999"}, "amount-invalid"),
        "three-decimals": ({"DeclTotal": "100.005"}, "amount-invalid"),
        "total-mismatch": ({"DeclTotal": "100.00"}, "amount-invalid"),
        "unknown-currency": ({"TradeCurr": "XPL"}, "currency-unknown"),
    }
    in_euros = good[1].lines[0] | {"GNo": "", "TradeCurr": "EUR"}
    bad = {name: (Declaration(good[1].head | head, good[1].lines), code) for name, (head, code) in heads.items()}
    bad |= {name: (Declaration(good[1].head, [good[1].lines[0] | line, *good[1].lines[1:]]), code) for name, (line, code) in lines.items()}
    bad["mixed-currency"] = (Declaration(good[1].head, [*good[1].lines, in_euros]), "mixed-currency")
    bad["no-lines"] = (Declaration(good[1].head, []), "no-lines")
    return {f"{name}.xml": (xml(enveloped([good[0], made, good[2]])), ["ok", code, "ok"]) for name, (made, code) in bad.items()}


def main() -> None:
    """Write every bad file, and what is expected of it, into a directory."""
    arguments = argparse.ArgumentParser(description="Write files that must not be imported.")
    arguments.add_argument("--as-of", type=date.fromisoformat, default=date(2026, 10, 31))
    arguments.add_argument("--out", type=Path, default=HERE / "bad")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    made = bad_files(chosen.as_of)
    for name, (content, _) in made.items():
        (chosen.out / name).write_bytes(content)
    expected = {name: codes for name, (_, codes) in sorted(made.items())}
    (chosen.out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
