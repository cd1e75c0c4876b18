"""Hostile XML, streamed: the only place that hands a bank's bytes to a parser.

No DTD, no entity, no network, no unusual encoding, no huge tree (the parser itself refuses a text over 10 MB), and no
more elements, levels, attributes and characters of a text than a message needs. Elements are matched by local name,
since banks misspell namespaces or leave them out. Errors name a line, never what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any

from lxml import etree

from chalicelib.messages.errors import MessageUnreadable, check_size
from chalicelib.messages.watch import Watch, unwatched

MAX_BYTES = 128 * 1024 * 1024
MAX_ELEMENTS = 500_000
MAX_DEPTH = 64
MAX_ATTRIBUTES = 64
MAX_TEXT = 16_000
MAX_NAMESPACE = 300
WATCHED_EVERY = 1_000
"""Elements from one look at the watch to the next."""
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
        for count, element in enumerate(_started(body)):
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
    """An element as plain values: local name, text without surrounding space, `Ccy` attribute, children by name."""

    __slots__ = ("children", "currency", "name", "text")

    def __init__(self, name: str, currency: str) -> None:
        self.name = name
        self.text = ""
        self.currency = currency
        self.children: dict[str, list[Node]] = {}


class Outer:
    """An element around the one just completed: it can be asked for what came before, and for its own outer one."""

    __slots__ = ("_open",)

    def __init__(self, open_nodes: Sequence[Node]) -> None:
        self._open = open_nodes

    @property
    def name(self) -> str:
        """Its local name; empty outside the document."""
        return self._open[-1].name if self._open else ""

    @property
    def outer(self) -> Outer:
        """The element around this one."""
        return Outer(self._open[:-1])

    def within(self, name: str) -> bool:
        """Whether it, or an element around it, has that local name."""
        return any(node.name == name for node in self._open)

    def text(self, *path: str) -> str:
        """The text at a path of local names, as far as it has been read; empty when there is none."""
        return text(self._open[-1], *path) if self._open else ""


def stream(body: bytes, names: frozenset[str], watch: Watch = unwatched) -> Iterator[tuple[Node, Outer]]:
    """Each element called one of `names` with the one around it, in document order; then it is forgotten.

    The work is linear in the body: each element is visited once, and what came before is found by name.
    Raises MessageUnreadable `malformed_xml`, `forbidden_xml`, `message_too_large`, `nested_too_deep`, and what
    `watch` raises, possibly after elements were given: nothing counts before the end is reached.
    """
    _guard(body)
    open_nodes: list[Node] = []
    count = 0
    try:
        for event, element in etree.iterparse(BytesIO(body), events=("start-ns", "start", "end"), **_PARSER):
            if event == "start-ns":
                _check_namespace(element[1])
                continue
            if event == "start":
                count += 1
                _check_start(element, count, len(open_nodes))
                if count % WATCHED_EVERY == 0:
                    watch()
                open_nodes.append(_opened(element))
                continue
            node = open_nodes.pop()
            node.text = (element.text or "").strip()
            check_size("characters of a text", len(node.text), MAX_TEXT)
            if node.name in names:
                watch()
                yield node, Outer(tuple(open_nodes))
            elif open_nodes:
                open_nodes[-1].children.setdefault(node.name, []).append(node)
            _forget(element)
    except etree.XMLSyntaxError as error:
        raise _malformed(error) from None


def children(node: Node | None, name: str) -> Sequence[Node]:
    """Direct children of that local name, in document order; none of no node."""
    return node.children.get(name, ()) if node is not None else ()


def find(node: Node | None, *path: str) -> Node | None:
    """The first node down a path of local names, or None."""
    for name in path:
        found = children(node, name)
        if not found:
            return None
        node = found[0]
    return node


def text(node: Node | None, *path: str) -> str:
    """The text at a path; empty when there is none."""
    found = find(node, *path)
    return found.text if found is not None else ""


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _guard(body: bytes) -> None:
    check_size("bytes", len(body), MAX_BYTES)
    plain = body.replace(b"\0", b"") if b"\0" in body[:8] else body
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise MessageUnreadable("forbidden_xml", "a message has no document type and no entities")
    head = plain[:MAX_HEAD_BYTES].lstrip(b"\xef\xbb\xbf\xfe\xff")
    declared = _ENCODING.match(head)
    if head.startswith(b"<?xml") and declared and declared["name"].decode().upper() not in ENCODINGS:
        raise MessageUnreadable("forbidden_xml", "the encoding is not one a bank uses")
    if not head.lstrip().startswith(b"<"):
        raise MessageUnreadable("malformed_xml", "not XML in an encoding a bank uses", line=1, column=1)


def _started(body: bytes) -> Iterator[etree._Element]:
    """Each element as it begins."""
    for event, element in etree.iterparse(BytesIO(body), events=("start-ns", "start"), **_PARSER):
        if event == "start-ns":
            _check_namespace(element[1])
        else:
            yield element


def _check_namespace(name: str) -> None:
    """Refuse a namespace of a length that no standard has: the parser repeats it in each element's name."""
    check_size("characters of a namespace", len(name), MAX_NAMESPACE)


def _check_document(element: etree._Element) -> None:
    info = element.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise MessageUnreadable("forbidden_xml", "a message has no document type and no entities")


def _check_start(element: etree._Element, count: int, depth: int) -> None:
    """Refuse an element beyond what a message may have."""
    if count == 1:
        _check_document(element)
    check_size("elements", count, MAX_ELEMENTS)
    check_size("attributes of an element", len(element.attrib), MAX_ATTRIBUTES)
    if depth >= MAX_DEPTH:
        raise MessageUnreadable("nested_too_deep", f"at most {MAX_DEPTH} levels", maximum=MAX_DEPTH)


def _opened(element: etree._Element) -> Node:
    currency = element.get("Ccy")
    return Node(_local(element.tag), str(currency).strip().upper() if currency else "")


def _forget(element: etree._Element) -> None:
    """Empty a handled element and drop the one before it; the element itself the parser still needs."""
    element.clear()
    before = element.getprevious()
    parent = element.getparent()
    if before is not None and parent is not None:
        parent.remove(before)


def _malformed(error: etree.XMLSyntaxError) -> MessageUnreadable:
    line, column = error.position
    return MessageUnreadable("malformed_xml", "not well-formed XML", line=line, column=column)
