"""The one way a message fails to be read. It names the rule and the place, never what the bank wrote there."""

from __future__ import annotations

from chalicelib.core.errors import InvalidInput


class MessageUnreadable(InvalidInput):
    """These bytes cannot be read as a bank message.

    Codes: `malformed_xml`, `forbidden_xml` (DTD, entities, an encoding not allowed), `malformed_json`,
    `message_too_large` (`rule` names what there is too much of), `nested_too_deep`, `unknown_message_type`,
    `missing_element`, `invalid_amount`, `unknown_currency`, `invalid_direction`, `invalid_indicator`, `invalid_field`,
    `field_twice`. The facts say where: `element` or `field`, `line`.
    """


def check_size(rule: str, size: int, maximum: int) -> None:
    """Raises MessageUnreadable `message_too_large` where there is more of something than one message may have."""
    if size > maximum:
        raise MessageUnreadable("message_too_large", f"at most {maximum} {rule}", rule=rule, maximum=maximum)
