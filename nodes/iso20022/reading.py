"""A message out of untrusted XML: bounded, without document types or entities, and valid by our subset of the standard's schema.

What is wrong is said with its place, an XPath, and never with what stood there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

import xmlschema
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ledger.errors import InputError
from ledger.limits import ISO_MESSAGE_BYTES_MAX, ISO_MESSAGE_DEPTH_MAX

REQUEST: Final = "tsin.001.001.01"
STATUS: Final = "tsin.002.001.01"
CANCELLATION: Final = "tsin.003.001.01"
NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"


class MessageInvalid(InputError):
    """A message does not fit its schema, or says what cannot be done; `place` is the XPath of what is wrong."""

    def __init__(self, code: str, place: str, message: str, *, hint: str = "") -> None:
        super().__init__(code, f"{place}: {message}", hint=hint)
        self.place, self.fault = place, message


def read(content: bytes) -> tuple[str, Element]:
    """The kind of a message, `tsin.001.001.01` or `tsin.003.001.01`, and what is in its `Document`.

    Raises `InputError`: `oversize`, `xml-forbidden`, `xml-malformed`, `xml-too-deep`, `iso-unsupported` (another message), and
    `MessageInvalid` (`iso-invalid`).
    """
    if len(content) > ISO_MESSAGE_BYTES_MAX:
        raise InputError("oversize", f"a message has at most {ISO_MESSAGE_BYTES_MAX} bytes")
    root = _parsed(content)
    kind = root.tag.removeprefix("{" + NAMESPACE).partition("}")[0]
    if kind not in (REQUEST, CANCELLATION) or root.tag != f"{{{NAMESPACE}{kind}}}Document":
        hint = f"the root is Document in the namespace {NAMESPACE}{REQUEST} or {NAMESPACE}{CANCELLATION}"
        raise InputError("iso-unsupported", "this is no message that this node takes", hint=hint)
    for error in schema(kind).iter_errors(root):
        raise MessageInvalid("iso-invalid", _place(error.path or "/", kind), _fault(error))
    return kind, root[0]


@cache
def schema(kind: str) -> xmlschema.XMLSchema:
    """Our subset of a message's schema. It reads nothing but its own file."""
    return xmlschema.XMLSchema(str(Path(__file__).parent / f"{kind}.xsd"), allow="local", defuse="always")


def text_of(element: Element, path: str) -> str | None:
    """The text at a path of local names (`ReqGrpInf/GrpId`), None where there is none."""
    found = find(element, path)
    return None if found is None or found.text is None else found.text.strip()


def find(element: Element, path: str) -> Element | None:
    """The first element at a path of local names."""
    namespace = element.tag.partition("}")[0] + "}"
    return element.find("/".join(namespace + name for name in path.split("/")))


def find_all(element: Element, name: str) -> list[Element]:
    """The children of a local name."""
    return element.findall(element.tag.partition("}")[0] + "}" + name)


class _Bounded(TreeBuilder):
    """A tree no deeper than any message is."""

    depth = 0

    def start(self, tag: Any, attrs: dict[Any, Any]) -> Element:
        self.depth += 1
        if self.depth > ISO_MESSAGE_DEPTH_MAX:
            raise InputError("xml-too-deep", f"elements are nested more than {ISO_MESSAGE_DEPTH_MAX} deep")
        return super().start(tag, attrs)

    def end(self, tag: Any) -> Element:
        self.depth -= 1
        return super().end(tag)


def _parsed(content: bytes) -> Element:
    parser = DefusedXMLParser(target=_Bounded(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(content)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise InputError("xml-forbidden", "the message has a document type or entities, which are never read") from error
    except (ParseError, LookupError, ValueError) as error:
        where = f" at line {error.position[0]}, column {error.position[1]}" if isinstance(error, ParseError) else ""
        raise InputError("xml-malformed", f"the message is not well-formed XML{where}") from error
    return root


def _place(path: str, kind: str) -> str:
    """The XPath without the namespace, which is the message's."""
    return path.replace(f"{{{NAMESPACE}{kind}}}", "")


def _fault(error: Any) -> str:
    expected = getattr(error, "expected", None)
    if isinstance(error, xmlschema.XMLSchemaChildrenValidationError):
        names = ", ".join(sorted({str(getattr(each, "local_name", None) or "other elements") for each in expected or ()}))
        return f"an element is missing, unknown or out of its order{'; expected here: ' + names if names else ''}"
    return "what stands here is not of the type that the message definition gives it"
