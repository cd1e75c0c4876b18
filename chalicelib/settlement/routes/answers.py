"""How what a command has journalled becomes its answer."""

from __future__ import annotations

import msgspec

from chalicelib.storage.once import Outcome
from chalicelib.web.endpoint import Answer, replayable


def facts_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    """The facts that the command kept, as a view that has the same names."""
    return replayable(outcome, msgspec.convert(outcome.item.data, view))


def entry_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    """The same with the id of the entry that was booked."""
    return replayable(outcome, msgspec.convert(outcome.item.data | {"entry_id": outcome.item.entry_id}, view))
