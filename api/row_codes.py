"""Every code that stands inside an answer of 2xx, beside those of the rules: what it means, and what its reader may do.

`ROWS` are results of one row or file of an import, and `DECLINES` why an enquiry was not answered. `docs/generate.py` makes a page of them,
with the test that brings each about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Results of a row or file, beside rule results
ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "amount-invalid": ("an amount or quantity cannot be so", "correct the row"),
    "conflict-report-missing": ("no conflict report of the last day is about the loan", "make one with the same file, and read it"),
    "country-unknown": ("the country code is not known", "take ISO 3166 alpha-3"),
    "bad-field": ("a field of the row holds what it cannot hold", "correct the row"),
    "csv-malformed": ("the file is not CSV from this line on", "save it anew"),
    "csv-row": ("a row has another number of cells than the header", "check the separators"),
    "currency-differs": ("the currency is not that of the declaration", "correct the row"),
    "currency-unknown": ("the currency is none of ISO 4217 that is known here", "correct the row"),
    "date-invalid": ("a day cannot be so", "write 2026-05-31"),
    "declaration-too-large": ("one declaration of the file has too many bytes", "hand it in alone, as CSV"),
    "duplicate-in-file": ("the number came before in the same import", "leave one out"),
    "encoding-wrong": ("the file is in no encoding that is read", "save it as UTF-8, or declare GB18030"),
    "fact-unknown": ("nothing that could be withdrawn is recorded", "see the revisions"),
    "field-invalid": ("a field holds what it cannot hold", "correct the row"),
    "field-missing": ("a field that must be there is empty", "fill it in"),
    "field-too-long": ("a field has too many characters", "shorten it"),
    "field-unknown": ("the kind of row has no such column", "take the template"),
    "file-too-large": ("the file has too many bytes", "split it"),
    "file-type-unknown": ("the file is neither customs XML nor CSV nor a workbook", "hand in .xml, .csv or .xlsx"),
    "kind-unknown": ("the row is of no kind of credit fact", "see the template"),
    "loan-apart": ("the rows of one loan do not stand together", "sort the file by reference"),
    "loan-incomplete": ("another row of the loan cannot be used", "correct that one"),
    "message-invalid": ("the XML is not of the form of a customs message", "export it anew"),
    "mixed-currency": ("the lines of a declaration are in several currencies", "correct it at customs"),
    "no-declarations": ("the file holds no declaration", "check the file"),
    "no-grant": ("the bank was never answered about the declaration", "enquire about it first"),
    "no-lines": ("the declaration has no lines", "check the file"),
    "not-cleared": ("customs has given the declaration no number", "wait for clearance"),
    "not-export": ("the declaration is not one of export", "leave it out"),
    "number-format": ("the declaration number has not its 18 digits", "correct the row"),
    "other-exporter": ("it would take the place of another exporter's declaration", "correct `replaces`"),
    "receivable-unknown": ("it cannot be told what the buyer owes under this trade mode", "give the fee"),
    "row-differs": ("rows of one loan say different things of it", "make them the same"),
    "row-too-long": ("the row has more cells than the header", "check the separators"),
    "rows-differ": ("rows of one declaration say different things of it", "make them the same"),
    "table-columns": ("the header does not fit", "take the template"),
    "too-many-facts": ("an enterprise has too many revisions", "tell the node's operator"),
    "too-many-lines": ("the declaration has too many lines", "hand it in in parts"),
    "unknown-declaration": ("a declaration that is to be replaced is not registered", "register it first"),
    "uscc-invalid": ("the unified social credit code is not valid", "correct the row"),
    "xlsx-cell-error": ("a cell holds an error value", "correct the cell"),
    "xlsx-cell-too-long": ("a cell has too many characters", "shorten it"),
    "xlsx-formula": ("a cell holds a formula", "paste its value"),
    "xlsx-malformed": ("the file is no workbook that can be read", "save it anew, or hand in CSV"),
    "xlsx-number-digits": ("a number has more digits than a workbook keeps", "format the column as text and type it again"),
    "xlsx-row": ("a row has another number of cells than the header", "take the template"),
    "xlsx-too-large": ("the workbook unpacks to more than is read", "split it, or hand in CSV"),
    "xlsx-too-many-columns": ("a row has more columns than the template", "take the template"),
    "xlsx-too-many-rows": ("the sheet has too many rows", "split it"),
    "xml-forbidden": ("the file has a document type or entities", "export it without"),
    "xml-malformed": ("the XML is not well-formed", "export it anew"),
    "xml-too-deep": ("the XML is nested too deeply", "export it anew"),
}

# Why an enquiry was declined, beside rule results
DECLINES: Final[Mapping[str, tuple[str, str]]] = {
    "basis-unconfirmed": ("the exporter itself did not give the consent that credit needs", "ask it for one"),
    "cannot-say": ("a paper lets a bank ask about declarations only", "ask for a consent"),
    "consent-invalid": ("the consent's terms do not hold", "ask the exporter for another"),
    "consent-not-yours": ("the consent is another bank's, or of another enquiry", "ask the exporter for one"),
    "consent-unknown": ("the authority knows no such consent", "check its id"),
    "exporters-differ": ("the lines on a paper are of several exporters", "make one enquiry for each"),
    "not-in-custody": ("the exporter acts through its own node, and gives consents there", "ask it for one"),
    "paper-cap": ("the bank has used its papers of the day", "ask for a consent, or go on tomorrow"),
    "request-unreadable": ("the authority cannot read the enquiry", "ask again"),
    "scope-missing": ("what was asked about was not consented to", "ask the exporter for the scope"),
}
