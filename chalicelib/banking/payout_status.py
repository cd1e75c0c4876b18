"""What a bank's status report (pain.002) says of our payouts, and what that means by the bank's profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from chalicelib.banking.domain import Bank
from chalicelib.banking.payout_states import Event
from chalicelib.banking.payouts import CANCELLED_BY_BANK
from chalicelib.core.errors import InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.messages.model import StatusReport

ACCEPTING = frozenset({"ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"})
WAITING = frozenset({"RCVD", "PDNG", "PATC", "PART"})
REJECTING = {"RJCT": Event.REJECTED, "CANC": Event.CANCELLED}
HAD_ALREADY = frozenset({"DUPL", "DU01", "DU02", "DU03", "DU04", "DU05"})
"""Reasons of a refusal that say: this very file or payment of yours is here already. So nothing failed."""
PERHAPS_HAD = frozenset({"AM05"})
"""`Duplication` of this payment or of another that looks like it: only the bank can say whether it was paid."""


@dataclass(frozen=True, slots=True)
class News:
    """What a status report says of one attempt at a payout (the first one has the payout's id), with the bank's
    reason."""

    payout_id: str
    event: Event
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """What a status report says of one payment, and its place (`part`). `reasons`: its own first (perhaps empty), then
    those of the file and of its batch."""

    part: str
    payout_id: str
    status: str
    reasons: tuple[str, ...]
    problem: str = ""
    problem_at: str = ""


def words_of(report: StatusReport) -> Iterator[Word]:
    """What a pain.002 says, payment by payment; without payments it speaks of the whole file, which is named after its
    one payout."""
    of_batches: dict[str, list[str]] = {}
    for batch in report.batches:
        of_batches.setdefault(batch.batch_id, [report.group_reason]).append(batch.reason)
    general = {batch_id: _counting(reasons) for batch_id, reasons in of_batches.items()}
    for number, payment in enumerate(report.payments):
        payout_id = payment.end_to_end_id or payment.instruction_id
        reasons = (payment.reason, *general.get(payment.batch_id, (report.group_reason,)))
        yield Word(str(number), payout_id, payment.status, reasons, payment.problem, payment.problem_at)
    if not report.payments:
        yield from _word_of_file(report)


def _word_of_file(report: StatusReport) -> Iterator[Word]:
    """What the batches say, which are nearer to the payment than the group; where two say different things, nothing is
    taken from them."""
    said = [(batch.status, batch.reason) for batch in report.batches if batch.status]
    said = said or [(report.group_status, report.group_reason)]
    status, reason = said[-1]
    problem = "element_twice" if len({status for status, _ in said}) > 1 else ""
    if status:
        general = _counting([report.group_reason, *(batch.reason for batch in report.batches)])
        at = "OrgnlPmtInfAndSts/PmtInfSts" if problem else ""
        yield Word("0", report.original_message_id, status, (reason, *general), problem, at)


def _counting(reasons: Iterable[str]) -> tuple[str, ...]:
    """The first reason, and those that change what a refusal means: few, however many a report gives."""
    distinct = tuple(dict.fromkeys(filter(None, reasons)))
    return (*distinct[:1], *(reason for reason in distinct[1:] if reason in HAD_ALREADY | PERHAPS_HAD))


def news_of(word: Word) -> News | None:
    """What it says of a payout; None: that it waits.

    Raises InvalidInput `unknown_payment_status` for a code that is in no list above, and the code of what cannot be
    read.
    """
    if word.problem:
        raise InvalidInput(word.problem, "a payment's status cannot be read", field=word.problem_at)
    if word.status in WAITING:
        return None
    event = Event.ACCEPTED if word.status in ACCEPTING else _refusal(word.status, frozenset(word.reasons))
    return News(word.payout_id, event, next(filter(None, word.reasons), ""))


def by_profile(news: News, bank: Bank) -> News:
    """The news as it counts with this bank. One that may reject what it has debited does not end a payout by that:
    the money stays in transit until no debit is proved."""
    if bank.rejects_before_booking or news.event not in {Event.REJECTED, Event.CANCELLED}:
        return news
    reason = CANCELLED_BY_BANK if news.event is Event.CANCELLED else news.reason
    return replace(news, event=Event.REJECTION_UNPROVED, reason=reason)


def _refusal(status: str, reasons: frozenset[str]) -> Event:
    if status not in REJECTING:
        raise InvalidInput("unknown_payment_status", "no known payment status", field="TxSts")
    if reasons & HAD_ALREADY:
        return Event.SENT
    return Event.DOUBTED if reasons & PERHAPS_HAD else REJECTING[status]
