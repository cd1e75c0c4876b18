"""Any message a bank sends, read by the reader of its kind: the root element decides, or the JSON type."""

from __future__ import annotations

from chalicelib.messages import callback_json, camt, pacs004, pain002, xml
from chalicelib.messages.model import Message
from chalicelib.messages.watch import Watch, unwatched

_CONTAINERS = frozenset({*camt.CONTAINERS, pain002.CONTAINER, pacs004.CONTAINER})


def read(body: bytes, watch: Watch = unwatched) -> Message:
    """The message in these bytes.

    Raises MessageUnreadable (`unknown_message_type` when it is of no known kind), and what `watch` raises.
    """
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return callback_json.read(body.removeprefix(b"\xef\xbb\xbf"), watch)
    container, _ = xml.sniff(body, _CONTAINERS)
    if container == pain002.CONTAINER:
        return pain002.read(body, watch)
    if container == pacs004.CONTAINER:
        return pacs004.read(body, watch)
    return camt.read(body, container, watch)
