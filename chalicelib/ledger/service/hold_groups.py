"""Several holds in one commit: placed, captured or voided all together, or none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from chalicelib.core.call import Call
from chalicelib.core.errors import InvalidInput, about, at_index
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger import holds
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.ledger.holds import MOST_IN_GROUP, Hold, Step
from chalicelib.ledger.metadata import check_metadata
from chalicelib.ledger.service.holds import PlaceHold
from chalicelib.ledger.store import holds as store
from chalicelib.ledger.store.hold_groups import LISTED, Part, part_call, plan_group, read_parts
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Key, journal_key


@dataclass(frozen=True, slots=True)
class CapturePart:
    """One hold of a group capture (`amount` None: all that remains). `close`: let go of the rest."""

    hold_id: str
    amount: Money | None = None
    close: bool = True


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """The outcome of a group, and the journal items of its holds in the order they were asked for."""

    outcome: Outcome
    parts: tuple[JournalItem, ...]


def place_group(call: Call, commands: Sequence[PlaceHold]) -> GroupOutcome:
    """Place 1 to 20 holds: one transaction, no read before. Refused as `place_hold`, with the `index` of the hold."""
    _check_count(commands)
    for index, command in enumerate(commands):
        with about("holds", index):
            holds.check_terms(command.terms)
            check_metadata(command.metadata)
    late = ((index, holds.expiry_refusal(command.terms, now=call.now)) for index, command in enumerate(commands))
    refused = next((at_index(refusal, "holds", index) for index, refusal in late if refusal), None)

    def decide(_: Found) -> list[Part]:
        if refused is not None:
            raise refused
        return [_placing(part_call(call, index), command) for index, command in enumerate(commands)]

    return _do(call, holds.GROUP_PLACED, decide, reads=(journal_key(call.tenant, call.entry_id),) if refused else ())


def capture_group(call: Call, captures: Sequence[CapturePart]) -> GroupOutcome:
    """Capture 1 to 20 holds. Refused as `capture_hold`, with the `index` of the hold; one that stands twice with
    InvalidInput `duplicate_hold`."""
    _check_distinct([asked.hold_id for asked in captures], "captures")
    for index, asked in enumerate(captures):
        with about("captures", index):
            holds.check_capture(asked.amount, close=asked.close)
    steps = {asked.hold_id: partial(_capture, asked, now=call.now) for asked in captures}
    return _step_all(call, holds.GROUP_CAPTURED, holds.CAPTURED, steps)


def void_group(call: Call, hold_ids: Sequence[str]) -> GroupOutcome:
    """Void 1 to 20 holds. Refused as `void_hold`, with the `index` of the hold, and `duplicate_hold`."""
    _check_distinct(hold_ids, "hold_ids")
    steps = {hold_id: partial(holds.void, now=call.now) for hold_id in hold_ids}
    return _step_all(call, holds.GROUP_VOIDED, holds.VOIDED, steps)


def _capture(asked: CapturePart, hold: Hold, *, now: datetime) -> Step:
    return holds.capture(hold, asked.amount, close=asked.close, now=now)


def _step_all(call: Call, kind: str, each: str, steps: Mapping[str, Callable[[Hold], Step]]) -> GroupOutcome:
    reads: list[Key] = []
    for index, hold_id in enumerate(steps):
        with about(LISTED[kind], index):
            reads += store.hold_keys(call.tenant, hold_id)

    def decide(found: Found) -> list[Part]:
        parts = []
        for index, (hold_id, step) in enumerate(steps.items()):
            with about(LISTED[kind], index):
                before = store.take_hold(found, call.tenant, hold_id)
                parts.append(_stepping(part_call(call, index), each, before, step(before.hold)))
        return parts

    return _do(call, kind, decide, reads)


def _do(call: Call, kind: str, decide: Callable[[Found], list[Part]], reads: Sequence[Key]) -> GroupOutcome:
    items: list[JournalItem] = []

    def plan(found: Found) -> Plan:
        parts = decide(found)
        items[:] = [part.item for part in parts]
        return plan_group(call, kind, parts)

    outcome = with_expired_returned(call, lambda: once(call, plan, reads))
    return GroupOutcome(outcome, read_parts(outcome.item) if outcome.replayed else tuple(items))


def _placing(call: Call, command: PlaceHold) -> Part:
    item = store.placing_item(call, command.terms, reference=command.reference, metadata=command.metadata)
    return Part(item, (store.placing_move(command.terms),))


def _stepping(call: Call, kind: str, before: store.Stored, step: Step) -> Part:
    return Part(store.step_item(call, kind, step), store.step_moves(step), (store.save_hold(before, step.hold),))


def _check_count(asked: Sequence[object]) -> None:
    if not asked:
        raise InvalidInput("too_few_holds", "a group has at least one hold", minimum=1)
    if len(asked) > MOST_IN_GROUP:
        raise InvalidInput("too_many_holds", f"a group has at most {MOST_IN_GROUP} holds", maximum=MOST_IN_GROUP)


def _check_distinct(hold_ids: Sequence[str], listed: str) -> None:
    _check_count(hold_ids)
    for index, hold_id in enumerate(hold_ids):
        if hold_id in hold_ids[:index]:
            with about(listed, index):
                raise InvalidInput("duplicate_hold", "a hold stands twice in the group", hold_id=hold_id)
