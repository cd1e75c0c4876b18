"""Payouts that a bank has rejected and may have debited all the same: they end when its statements prove that it has
not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from chalicelib.banking import payout_changes
from chalicelib.banking import store as banking_store
from chalicelib.banking.payout_ageing import proof_day
from chalicelib.banking.payout_states import Event, State
from chalicelib.banking.payouts import Payout
from chalicelib.core.errors import Conflict
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.recon.chaining import covers
from chalicelib.recon.domain import Reconciled, Statement
from chalicelib.recon.store.months import lines_behind, statements_after, statements_before

PAGE = 1000


def end_undebited(tenant: str, payout_id: str, *, now: datetime) -> bool:
    """End the newest attempt at a payout that its bank has rejected, where proved statements of the account that pays
    it cover all days on which it can have been debited and none has a debit that may be its own. Returns whether it is
    ended, by this or by news that came meanwhile.

    Raises NotFound `payout_not_found`.
    """
    payout = banking_store.load_payout(tenant, payout_id)
    if payout.state is not State.REJECTION_UNPROVED or not _is_proved(payout):
        return False
    try:
        payout_changes.take_step(tenant, payout_id, payout.current_id, Event.NOT_DEBITED, now=now)
    except Conflict as meanwhile:
        if meanwhile.code != "payout_state":
            raise
    return True


def _is_proved(payout: Payout) -> bool:
    last = proof_day(payout, banking_store.load_bank(payout.bank_id))
    if last is None:
        return False
    account_id = purpose_account_id(payout.tenant, Purpose.BANK, payout.currency, payout.iban)
    statements = _statements(payout.tenant, account_id, payout.execute_on, last)
    return covers(statements, payout.execute_on, last) and not any(
        _may_be_debit(one, payout) for one in _lines(payout.tenant, statements)
    )


def _statements(tenant: str, account_id: str, first: date, last: date) -> list[Statement]:
    """The statements of an account that end on a day or later, until one ends behind the other day, in order. Where the
    first of them begins after its day, those before it come first."""
    found: list[Statement] = []
    place = str(first - timedelta(days=1))
    while page := [held.value for held in statements_after(tenant, account_id, place)]:
        place = page[-1].order
        found += page
        if page[-1].ends_on > last:
            break
    later = [one for one in found if one.ends_on > last]
    within = [one for one in found if one.ends_on <= last]
    ending = [one for one in later if one.ends_on == later[0].ends_on]
    needed = within if within and within[-1].ends_on == last else within + ending
    if needed and needed[0].starts_on > first:
        return statements_before(tenant, account_id, first) + needed
    return needed


def _lines(tenant: str, statements: Iterable[Statement]) -> Iterator[Reconciled]:
    for statement in statements:
        number = 0
        while lines := lines_behind(tenant, statement.statement_id, number, limit=PAGE):
            yield from lines
            number = lines[-1].line.number


def _may_be_debit(stored: Reconciled, payout: Payout) -> bool:
    """Whether a line may be the debit of a payout: it names it; or it names none and is of its amount, or of more that
    nothing explains."""
    line, minor = stored.line, -stored.line.amount_minor
    if minor <= 0 or line.end_to_end_id:
        return minor > 0 and line.end_to_end_id == payout.current_id
    return minor == payout.amount_minor or (stored.match is None and minor > payout.amount_minor)
