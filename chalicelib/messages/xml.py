"""Hostile XML, streamed: the only place that hands a bank's bytes to a parser.

No DTD, no entity, no network, no unusual encoding, no huge tree (the parser itself refuses a depth over 256 and a text
over 10 MB). Elements are matched by local name, since banks
misspell namespaces or leave them out. Errors name a line, never what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any

from lxml import etree

from chalicelib.messages.errors import MessageUnreadable

MAX_BYTES = 128 * 1024 * 1024
MAX_HEAD_ELEMENTS = 200
"""How far into a document its kind has to be plain: envelopes and headers come first."""
ENCODINGS = frozenset(
    {"UTF-8", "UTF-16", "US-ASCII", "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252", "GBK", "GB2312", "GB18030"}
)
MAX_HEAD_BYTES = 200
_ENCODING = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"'](?P<name>[A-Za-z0-9._-]{1,40})[\"']")

_PARSER: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "no_network": True,
    "huge_tree": False,
    "recover": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}


def sniff(body: bytes, names: frozenset[str]) -> tuple[str, str]:
    """The first element called one of `names`, as (local name, namespace).

    Raises MessageUnreadable `unknown_message_type` when the head of the document holds none of them.
    """
    _guard(body)
    try:
        for count, (_, element) in enumerate(etree.iterparse(BytesIO(body), events=("start",), **_PARSER)):
            if count == 0:
                _check_document(element)
            if _local(element.tag) in names:
                return _local(element.tag), etree.QName(element).namespace or ""
            if count >= MAX_HEAD_ELEMENTS:
                break
    except etree.XMLSyntaxError as error:
        raise _malformed(error) from None
    raise MessageUnreadable("unknown_message_type", "no message of a known type is in this document")


class Node:
    """A complete element as plain values: local name, text without surrounding space, `Ccy` attribute, children."""

    __slots__ = ("children", "currency", "name", "text")

    def __init__(self, element: etree._Element) -> None:
        self.name = _local(element.tag)
        self.text = (element.text or "").strip()
        currency = element.get("Ccy")
        self.currency = str(currency).strip().upper() if currency else ""
        self.children: list[Node] = [Node(child) for child in element] if len(element) else []


class Outer:
    """An element around the one just completed: it can be asked for what came before, and for its own outer one."""

    __slots__ = ("_element",)

    def __init__(self, element: etree._Element | None) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """Its local name; empty outside the document."""
        return _local(self._element.tag) if self._element is not None else ""

    @property
    def outer(self) -> Outer:
        """The element around this one."""
        return Outer(self._element.getparent() if self._element is not None else None)

    def text(self, *path: str) -> str:
        """The text at a path of local names, as far as it has been read; empty when there is none."""
        element = self._element
        for name in path:
            if element is None:
                return ""
            element = next((child for child in element if _local(child.tag) == name), None)
        return (element.text or "").strip() if element is not None else ""


def stream(body: bytes, names: frozenset[str]) -> Iterator[tuple[Node, Outer]]:
    """Each element called one of `names` with the one around it, in document order; then it is forgotten.

    Raises MessageUnreadable `malformed_xml` or `forbidden_xml`, possibly after elements were given: nothing counts
    before the end is reached.
    """
    _guard(body)
    tags = [f"{{*}}{name}" for name in sorted(names)]
    checked = False
    try:
        for _, element in etree.iterparse(BytesIO(body), events=("end",), tag=tags, **_PARSER):
            if not checked:
                _check_document(element)
                checked = True
            yield Node(element), Outer(element.getparent())
            _forget(element)
    except etree.XMLSyntaxError as error:
        raise _malformed(error) from None


def children(node: Node | None, name: str) -> list[Node]:
    """Direct children of that local name; none of no node."""
    return [child for child in node.children if child.name == name] if node is not None else []


def find(node: Node | None, *path: str) -> Node | None:
    """The first node down a path of local names, or None."""
    for name in path:
        if node is None:
            return None
        for child in node.children:
            if child.name == name:
                node = child
                break
        else:
            return None
    return node


def text(node: Node | None, *path: str) -> str:
    """The text at a path; empty when there is none."""
    found = find(node, *path)
    return found.text if found is not None else ""


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _guard(body: bytes) -> None:
    if len(body) > MAX_BYTES:
        raise MessageUnreadable("message_too_large", "more bytes than a message may have", maximum=MAX_BYTES)
    plain = body.replace(b"\0", b"") if b"\0" in body[:8] else body
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise MessageUnreadable("forbidden_xml", "a message has no document type and no entities")
    head = plain[:MAX_HEAD_BYTES].lstrip(b"\xef\xbb\xbf\xfe\xff")
    declared = _ENCODING.match(head)
    if head.startswith(b"<?xml") and declared and declared["name"].decode().upper() not in ENCODINGS:
        raise MessageUnreadable("forbidden_xml", "the encoding is not one a bank uses")
    if not head.lstrip().startswith(b"<"):
        raise MessageUnreadable("malformed_xml", "not XML in an encoding a bank uses", line=1, column=1)


def _check_document(element: etree._Element) -> None:
    info = element.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise MessageUnreadable("forbidden_xml", "a message has no document type and no entities")


def _forget(element: etree._Element) -> None:
    """Empty a handled element and drop the one before it; the element itself the parser still needs."""
    element.clear()
    before = element.getprevious()
    parent = element.getparent()
    if before is not None and parent is not None and before.tag == element.tag:
        parent.remove(before)


def _malformed(error: etree.XMLSyntaxError) -> MessageUnreadable:
    line, column = error.position
    return MessageUnreadable("malformed_xml", "not well-formed XML", line=line, column=column)
