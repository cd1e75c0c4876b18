"""The one way a message fails to be read. It names the rule and the place, never what the bank wrote there."""

from __future__ import annotations

from chalicelib.core.errors import InvalidInput


class MessageUnreadable(InvalidInput):
    """These bytes cannot be read as a bank message.

    Codes: `malformed_xml`, `forbidden_xml` (DTD, entities, an encoding not allowed), `malformed_json`,
    `message_too_large`, `unknown_message_type`, `missing_element`, `invalid_amount`, `unknown_currency`,
    `invalid_direction`, `invalid_field`. The facts say where: `element` or `field`, `line`.
    """
