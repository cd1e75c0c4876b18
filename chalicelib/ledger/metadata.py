"""What a caller may write on an entry for itself: a few short pairs that nothing here reads.

They stand in the journal item, which is written in one go with the balances: so their number and bytes have limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.core.errors import InvalidInput

MOST_PAIRS = 20
MOST_VALUE = 500
MOST_BYTES = 2048
"""Of all keys and values together, in UTF-8."""

KEY = re.compile(r"[a-z0-9_.-]{1,40}")


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Nothing, where these pairs may stand on an entry. Raises InvalidInput, in this order: `too_many_metadata`,
    `invalid_metadata` (its field is `metadata` for a key, `metadata.key` for a value), `metadata_too_large`."""
    if len(metadata) > MOST_PAIRS:
        raise _refused("too_many_metadata", f"at most {MOST_PAIRS} pairs", "metadata", maximum=MOST_PAIRS)
    for key, value in metadata.items():
        if not KEY.fullmatch(key):
            rule = "a key has 1 to 40 of a to z, 0 to 9, dot, dash and underscore"
            raise _refused("invalid_metadata", rule, "metadata", rule=rule)
        if not 1 <= len(value) <= MOST_VALUE or not value.isprintable():
            rule = f"a value has 1 to {MOST_VALUE} printable characters"
            raise _refused("invalid_metadata", rule, f"metadata.{key}", rule=rule)
    size = sum(len(text.encode()) for pair in metadata.items() for text in pair)
    if size > MOST_BYTES:
        raise _refused("metadata_too_large", f"at most {MOST_BYTES} bytes in all", "metadata", maximum=MOST_BYTES)


def _refused(code: str, sentence: str, field: str, **facts: object) -> InvalidInput:
    return InvalidInput(code, sentence, field=field, **facts)
