"""Payouts by hand on DynamoDB Local: what can be paid, tried again, cancelled, sent again and decided by people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from chalicelib.banking import payee_accounts, paying, payout_changes, payout_commands, service
from chalicelib.banking.payee_accounts import AddAccount
from chalicelib.banking.payees import OWN
from chalicelib.banking.paying import CreatePayout
from chalicelib.banking.payout_commands import StartAttempt
from chalicelib.banking.payout_decisions import Finding, ResolutionOutcome
from chalicelib.banking.payout_states import Event, Source, State
from chalicelib.banking.payout_status import News
from chalicelib.banking.payout_watch import watch_payout
from chalicelib.banking.payouts import Payout
from chalicelib.core.errors import Conflict, Refusal
from chalicelib.credit.postings import lender_accounts
from chalicelib.ledger.domain import Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.ledger.store.accounts import load_account, open_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.commit import commit
from chalicelib.storage.once import Outcome, once
from tests.banking.build import (
    ACCOUNT,
    BANK,
    IBAN,
    PAYMENT,
    TENANT,
    Cloud,
    balances,
    cny,
    created,
    debited,
    default_account,
    details,
    owed,
    party,
    returned,
)
from tests.support.calls import MONDAY, call
from tests.support.faults import crash_points
from tests.support.races import race

PAID = Finding(ResolutionOutcome.PAID, "letter of the bank of 9 March")
NOT_PAID = Finding(ResolutionOutcome.NOT_PAID, "letter of the bank of 9 March")
ALL_BACK = Finding(ResolutionOutcome.RETURNED, "the bank keeps the rest")


def refusal(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


def paid(party_id: str, minor: int = PAYMENT, key: str | None = None, **more: object) -> str:
    """A payout made by hand: its id."""
    command = replace(CreatePayout(party_id, cny(minor)), **more)  # type: ignore[arg-type]
    return str(paying.create_payout(call(key, tenant=TENANT), command).item.data["payout_id"])


def sent(minor: int = PAYMENT) -> tuple[str, str]:
    """A payout whose file is written: its party and its id."""
    mill = party()
    payout_id = created(mill, minor)
    paying.send_payout(TENANT, payout_id, now=MONDAY)
    return mill, payout_id


def told(attempt_id: str, event: Event, reason: str = "AC04", *, now: datetime = MONDAY) -> Payout:
    return payout_changes.apply_payout_status(BANK, News(attempt_id, event, reason), now=now)


def rejected(minor: int = PAYMENT) -> tuple[str, str]:
    mill, payout_id = sent(minor)
    told(payout_id, Event.REJECTED)
    return mill, payout_id


def again(payout_id: str, bank_account_id: str | None = None, key: str | None = None) -> str:
    """Another attempt: its id."""
    command = StartAttempt(payout_id, bank_account_id)
    return str(payout_commands.start_attempt(call(key, tenant=TENANT), command).item.data["attempt_id"])


def resolved(payout_id: str, finding: Finding, *, days: int = 0) -> Outcome:
    return payout_commands.resolve_payout(call(tenant=TENANT, days=days), payout_id, finding)


def undone(payout_id: str) -> Outcome:
    return payout_commands.undo_payout_resolution(call(tenant=TENANT), payout_id)


def cancelled(payout_id: str) -> Outcome:
    return payout_commands.cancel_payout(call(tenant=TENANT), payout_id)


def payout(payout_id: str) -> Payout:
    return paying.get_payout(TENANT, payout_id)


def lender(minor: int) -> str:
    """A lender whose money, not lent yet, is here."""
    party_id = party("Lender Ltd")
    accounts = lender_accounts(TENANT, party_id, "CNY", "Lender Ltd")
    commit([open_account(TENANT, account, opened_by=call(tenant=TENANT)) for account in accounts])
    booked(purpose_account_id(TENANT, Purpose.LENDER_UNDRAWN, "CNY", party_id), minor)
    return party_id


def booked(account_id: str, minor: int) -> None:
    """Money that came in on an account of the books."""
    here = call(tenant=TENANT)
    postings = (debit(ACCOUNT.account_id, cny(minor)), credit(account_id, cny(minor)))
    entry = entry_of("movement.booked", postings, occurred_at=here.now)
    once(here, lambda _: plan_entry(here, entry))


def income(purpose: Purpose, minor: int) -> str:
    account_id = purpose_account_id(TENANT, purpose, "CNY")
    booked(account_id, minor)
    return account_id


def own_account() -> str:
    command = AddAccount(OWN, details(IBAN))
    return str(payee_accounts.add_account(call(tenant=TENANT), command).item.data["bank_account_id"])


# ---- what can be paid ------------------------------------------------------------------------------------------------


def test_a_party_is_paid_what_it_is_owed_at_its_default_account(books: Cloud) -> None:
    mill = party()
    owed(mill)

    made = payout(paid(mill, remittance="QT-1"))

    assert (made.state, made.bank_account_id, made.remittance) == (State.CREATED, default_account(mill), "QT-1")
    assert balances(mill) == {"bank": PAYMENT, "transit": PAYMENT, "party": 0}


def test_a_payout_takes_what_is_available_only(books: Cloud) -> None:
    mill = party()
    owed(mill, 499)

    refused = refusal(lambda: paid(mill))

    assert (refused.code, refused.facts["available"]) == ("insufficient_funds", 499)


@pytest.mark.parametrize(
    ("source", "purpose"),
    [(Source.FEE_INCOME, Purpose.FEE_INCOME), (Source.INTEREST_INCOME, Purpose.INTEREST_INCOME)],
)
def test_own_income_is_paid_to_the_marketplace_up_to_what_there_is(
    books: Cloud, source: Source, purpose: Purpose
) -> None:
    account_id, bank_account_id = income(purpose, 700), own_account()

    refused = refusal(lambda: paid(OWN, 701, source=source))
    made = payout(paid(OWN, 700, source=source))

    assert (refused.code, refused.facts["requested"], refused.facts["available"]) == ("insufficient_funds", 701, 700)
    assert (made.party_id, made.bank_account_id) == (OWN, bank_account_id)
    assert load_account(TENANT, account_id).own_balance == 0
    told(made.payout_id, Event.REJECTED)
    assert load_account(TENANT, account_id).own_balance == 700


def test_a_lenders_undrawn_money_and_interest_are_paid_to_the_lender(books: Cloud) -> None:
    lending = lender(900)
    income(Purpose.INTEREST_INCOME, 30)

    back = payout(paid(lending, 900, source=Source.LENDER))
    interest = payout(paid(lending, 30, source=Source.INTEREST_INCOME))

    assert back.bank_account_id == interest.bank_account_id == default_account(lending)
    assert load_account(TENANT, purpose_account_id(TENANT, Purpose.LENDER_UNDRAWN, "CNY", lending)).own_balance == 0
    assert refusal(lambda: paid(lending, 1, source=Source.LENDER)).code == "insufficient_funds"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (CreatePayout("pty_none", cny(1)), "party_not_found"),
        (CreatePayout(OWN, cny(1)), "party_not_found"),
        (CreatePayout("mill", cny(1), source=Source.FEE_INCOME), "payee_not_own"),
        (CreatePayout("mill", cny(1), source=Source.INTEREST_INCOME), "not_a_lender"),
        (CreatePayout("mill", cny(1), source=Source.LENDER), "account_not_found"),
        (CreatePayout(OWN, cny(1), source=Source.FEE_INCOME), "payee_account_not_found"),
        (CreatePayout("mill", cny(1), bank_account_id="bac_none"), "payee_account_not_found"),
        (CreatePayout("mill", cny(1), bank_account_id="another's"), "payee_account_not_found"),
        (CreatePayout("mill", cny(1), bank_account_id="retired"), "payee_account_retired"),
        (CreatePayout("mill", cny(0)), "amount_not_positive"),
        (CreatePayout("pty_none", cny(1), not_after=MONDAY - timedelta(seconds=1)), "not_after_passed"),
    ],
)
def test_a_payout_is_refused_for_its_reason(books: Cloud, command: CreatePayout, code: str) -> None:
    mill, other = party(), party("Carrier Ltd")
    old = payee_accounts.add_account(call(tenant=TENANT), AddAccount(mill, details(IBAN))).item.data
    payee_accounts.retire_account(call(tenant=TENANT), mill, old["bank_account_id"])
    accounts = {"another's": default_account(other), "retired": old["bank_account_id"]}
    given = replace(
        command,
        party_id=mill if command.party_id == "mill" else command.party_id,
        bank_account_id=accounts.get(command.bank_account_id or "", command.bank_account_id),
    )

    assert refusal(lambda: paying.create_payout(call(tenant=TENANT), given)).code == code


def test_a_refused_payout_whose_key_is_free_is_not_made_days_later(books: Cloud) -> None:
    mill = party()
    command = CreatePayout(mill, cny(PAYMENT), not_after=MONDAY + timedelta(hours=1))
    assert refusal(lambda: paying.create_payout(call("k", tenant=TENANT), command)).code == "insufficient_funds"
    owed(mill)

    assert refusal(lambda: paying.create_payout(call("k", tenant=TENANT, days=2), command)).code == "not_after_passed"
    made = paying.create_payout(call("k", tenant=TENANT), command)
    late = paying.create_payout(call("k", tenant=TENANT, days=2), command)
    assert (late.replayed, late.item) == (True, made.item)


def test_payouts_at_one_instant_never_take_more_than_there_is(books: Cloud) -> None:
    mill = party()
    owed(mill, 1000)
    account_id = income(Purpose.FEE_INCOME, 500)
    own_account()

    of_party = [partial(paying.create_payout, call(tenant=TENANT), CreatePayout(mill, cny(100))) for _ in range(16)]
    fees = CreatePayout(OWN, cny(100), source=Source.FEE_INCOME)
    of_income = [partial(paying.create_payout, call(tenant=TENANT), fees) for _ in range(16)]
    results = race([*of_party, *of_income])

    made = [result for result in results if isinstance(result, Outcome)]
    assert len(made) == 15
    assert {result.code for result in results if isinstance(result, Refusal)} == {"insufficient_funds"}
    assert (balances(mill)["party"], balances(mill)["transit"]) == (0, 1500)
    assert load_account(TENANT, account_id).own_balance == 0


def test_a_payout_keeps_the_account_it_was_made_for_and_its_file_the_same_bytes(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)
    first = payout(payout_id)
    with next(iter(crash_points(only="s3"))):
        paying.send_payout(TENANT, payout_id, now=MONDAY)
    new = payee_accounts.add_account(call(tenant=TENANT), AddAccount(mill, details(IBAN), default=True)).item.data
    payee_accounts.retire_account(call(tenant=TENANT), mill, first.bank_account_id)

    paying.send_payout(TENANT, payout_id, now=MONDAY)

    assert default_account(mill) == new["bank_account_id"]
    content = books.read(first.file_key).decode()
    assert IBAN not in content.partition("<CdtrAcct>")[2]


# ---- attempts --------------------------------------------------------------------------------------------------------


def test_a_rejected_payout_is_tried_again_at_another_account_under_an_id_of_its_own(books: Cloud) -> None:
    mill, payout_id = rejected()
    assert balances(mill)["party"] == PAYMENT
    new = payee_accounts.add_account(call(tenant=TENANT), AddAccount(mill, details(IBAN))).item.data["bank_account_id"]

    attempt_id = again(payout_id, new)
    paying.send_payout(TENANT, payout_id, now=MONDAY)

    after = payout(payout_id)
    assert (after.state, after.current_id, after.bank_account_id) == (State.SENT, attempt_id, new)
    assert [(one.attempt_id, one.state, one.reason) for one in after.earlier] == [(payout_id, State.REJECTED, "AC04")]
    assert attempt_id != payout_id
    file = books.read(f"payment-files/{BANK}/{attempt_id}.xml").decode()
    assert f"<MsgId>{attempt_id}</MsgId>" in file
    assert f"<EndToEndId>{attempt_id}</EndToEndId>" in file
    payout_changes.settle_payout(debited(attempt_id), now=MONDAY)
    assert balances(mill) == {"bank": 0, "transit": 0, "party": 0}


def test_a_returned_payout_is_tried_again_with_what_came_back(books: Cloud) -> None:
    mill, payout_id = sent()
    payout_changes.settle_payout(debited(payout_id), now=MONDAY)
    payout_changes.return_payout(returned(payout_id, 480), now=MONDAY)

    again(payout_id)

    assert payout(payout_id).amount_minor == 480
    assert balances(mill) == {"bank": 480, "transit": 480, "party": 0}


@pytest.mark.parametrize("event", [None, Event.ACCEPTED, Event.DOUBTED, Event.SETTLED])
def test_no_attempt_follows_one_that_may_still_pay(books: Cloud, event: Event | None) -> None:
    mill, payout_id = sent()
    owed(mill)
    if event is Event.SETTLED:
        payout_changes.settle_payout(debited(payout_id), now=MONDAY)
    elif event is not None:
        told(payout_id, event)

    assert refusal(lambda: again(payout_id)).code == "payout_attempt_alive"


def test_a_partly_returned_payout_is_not_dead(books: Cloud) -> None:
    _, payout_id = sent()
    payout_changes.return_payout(returned(payout_id, 100), now=MONDAY)

    assert refusal(lambda: again(payout_id)).code == "payout_attempt_alive"


def test_an_attempt_needs_the_money_and_an_account_that_is_not_retired(books: Cloud) -> None:
    mill, payout_id = rejected()
    other = payee_accounts.add_account(call(tenant=TENANT), AddAccount(mill, details(IBAN), default=True)).item.data
    payee_accounts.retire_account(call(tenant=TENANT), mill, payout(payout_id).bank_account_id)

    assert refusal(lambda: again(payout_id)).code == "payee_account_retired"
    assert refusal(lambda: again(payout_id, default_account(party("Carrier Ltd")))).code == "payee_account_not_found"
    paid(mill)
    assert refusal(lambda: again(payout_id, other["bank_account_id"])).code == "insufficient_funds"
    late = StartAttempt(payout_id, not_after=MONDAY - timedelta(seconds=1))
    assert refusal(lambda: payout_commands.start_attempt(call(tenant=TENANT), late)).code == "not_after_passed"


def test_late_news_of_an_old_attempt_never_touches_the_new_one(books: Cloud) -> None:
    mill, payout_id = rejected()
    attempt_id = again(payout_id)

    for event in (Event.ACCEPTED, Event.DOUBTED, Event.REJECTED, Event.CANCELLED):
        told(payout_id, event)
    refused = refusal(lambda: payout_changes.settle_payout(debited(payout_id, reference="L"), now=MONDAY))

    after = payout(payout_id)
    assert (after.state, after.current_id, refused.code) == (State.CREATED, attempt_id, "payout_state")
    assert [one.state for one in after.earlier] == [State.REJECTED]
    assert [bool(one.late_debit_reference) for one in after.earlier] == [True]
    assert not after.late_debit_reference
    assert balances(mill)["transit"] == PAYMENT


def test_a_debit_that_is_known_after_the_return_is_the_old_attempts(books: Cloud) -> None:
    mill, payout_id = sent()
    payout_changes.return_payout(returned(payout_id), now=MONDAY)
    attempt_id = again(payout_id)

    payout_changes.settle_payout(debited(payout_id, reference="MB-1"), now=MONDAY)
    payout_changes.settle_payout(debited(attempt_id, reference="MB-2"), now=MONDAY)

    after = payout(payout_id)
    assert (after.state, after.earlier[0].state) == (State.SETTLED, State.RETURNED)
    assert balances(mill) == {"bank": 0, "transit": 0, "party": 0}


def test_attempts_at_one_instant_leave_one_alive(books: Cloud) -> None:
    mill, payout_id = rejected()
    owed(mill, PAYMENT * 10)
    command = StartAttempt(payout_id)

    results = race([partial(payout_commands.start_attempt, call(tenant=TENANT), command) for _ in range(8)])

    codes = [result.code for result in results if isinstance(result, Refusal)]
    assert codes == ["payout_attempt_alive"] * 7
    assert balances(mill)["transit"] == PAYMENT


# ---- cancelling ------------------------------------------------------------------------------------------------------


def test_a_payout_without_a_file_is_cancelled_at_once_and_never_sent(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)

    cancelled(payout_id)

    assert (payout(payout_id).state, balances(mill)["party"], balances(mill)["transit"]) == (
        State.CANCELLED,
        PAYMENT,
        0,
    )
    assert paying.send_payout(TENANT, payout_id, now=MONDAY).state is State.CANCELLED
    assert books.files() == []


def test_once_a_file_may_exist_a_cancellation_is_a_request_that_the_bank_answers(books: Cloud) -> None:
    mill, payout_id = sent()

    cancelled(payout_id)

    asked = payout(payout_id)
    assert (asked.state, asked.cancellation_requested_at, balances(mill)["party"]) == (State.SENT, MONDAY, 0)
    assert refusal(lambda: cancelled(payout_id)).code == "cancellation_requested"
    assert told(payout_id, Event.CANCELLED).state is State.CANCELLED
    assert balances(mill) == {"bank": PAYMENT, "transit": 0, "party": PAYMENT}


def test_a_bank_that_pays_in_spite_of_a_request_has_paid(books: Cloud) -> None:
    mill, payout_id = sent()
    cancelled(payout_id)

    payout_changes.settle_payout(debited(payout_id), now=MONDAY)

    assert payout(payout_id).state is State.SETTLED
    assert refusal(lambda: told(payout_id, Event.CANCELLED)).code == "payout_state"
    assert refusal(lambda: cancelled(payout_id)).code == "payout_state"
    assert balances(mill) == {"bank": 0, "transit": 0, "party": 0}


def test_a_cancellation_against_the_file_ends_in_one_of_both(books: Cloud) -> None:
    for number in range(5):
        mill = party()
        payout_id = created(mill, key=f"race-{number}")

        def send(payout_id: str = payout_id) -> Outcome:
            paying.send_payout(TENANT, payout_id, now=MONDAY)
            raise Conflict("sent", "the file was asked for")

        race([send, partial(cancelled, payout_id)])

        after, file = payout(payout_id), f"payment-files/{BANK}/{payout_id}.xml" in books.files()
        assert (after.state is State.CANCELLED) != file
        assert balances(mill)["party"] == (PAYMENT if after.state is State.CANCELLED else 0)


# ---- sending again ---------------------------------------------------------------------------------------------------


def test_a_file_is_sent_again_with_the_same_bytes(books: Cloud) -> None:
    _, payout_id = sent()

    payout_commands.resend_payout(call(tenant=TENANT), payout_id)
    paying.send_payout(TENANT, payout_id, now=MONDAY + timedelta(days=3))

    first, again = books.files()
    assert books.read(first) == books.read(again)
    assert again != first


def test_only_a_file_that_waits_at_the_bank_is_sent_again(books: Cloud) -> None:
    unsent = created(party())
    _, dead = rejected()

    for payout_id in (unsent, dead):
        assert refusal(lambda p=payout_id: payout_commands.resend_payout(call(tenant=TENANT), p)).code == "payout_state"  # type: ignore[misc]


# ---- what the bank leaves open ---------------------------------------------------------------------------------------


def test_a_person_finds_out_that_an_unknown_payout_was_not_paid_and_may_take_it_back(books: Cloud) -> None:
    mill, payout_id = sent()
    told(payout_id, Event.DOUBTED, "AM05")

    resolved(payout_id, NOT_PAID)
    assert (payout(payout_id).state, balances(mill)["party"]) == (State.REJECTED, PAYMENT)

    undone(payout_id)
    assert (payout(payout_id).state, payout(payout_id).resolution) == (State.UNKNOWN, None)
    assert balances(mill) == {"bank": PAYMENT, "transit": PAYMENT, "party": 0}
    resolved(payout_id, NOT_PAID)
    assert balances(mill)["party"] == PAYMENT


def test_a_person_finds_out_that_an_unknown_payout_was_paid_and_its_debit_settles_it(books: Cloud) -> None:
    mill, payout_id = sent()
    told(payout_id, Event.DOUBTED, "AM05")

    resolved(payout_id, PAID)
    assert (payout(payout_id).state, balances(mill)["transit"]) == (State.ACCEPTED, PAYMENT)
    told(payout_id, Event.DOUBTED, "AM05")
    assert payout(payout_id).state is State.UNKNOWN
    payout_changes.settle_payout(debited(payout_id), now=MONDAY)

    assert (payout(payout_id).state, balances(mill)["transit"]) == (State.SETTLED, 0)


def test_a_decision_cannot_be_taken_back_once_the_money_is_spent_or_something_has_happened(books: Cloud) -> None:
    mill, payout_id = sent()
    told(payout_id, Event.DOUBTED, "AM05")
    resolved(payout_id, NOT_PAID)
    other = paid(mill)

    assert refusal(lambda: undone(payout_id)).code == "insufficient_funds"
    cancelled(other)
    again(payout_id)
    assert refusal(lambda: undone(payout_id)).code == "payout_not_resolved"
    assert refusal(lambda: undone(other)).code == "payout_not_resolved"


def test_silence_is_decided_about_only_once_it_is_overdue(books: Cloud) -> None:
    mill, payout_id = sent()

    assert refusal(lambda: resolved(payout_id, NOT_PAID)).code == "payout_not_overdue"
    resolved(payout_id, NOT_PAID, days=4)

    assert (payout(payout_id).state, balances(mill)["party"]) == (State.REJECTED, PAYMENT)


def test_what_a_bank_keeps_of_a_return_ends_it_when_a_person_says_so(books: Cloud) -> None:
    mill = party()
    owed(mill)
    payout_id = paid(mill, charges_borne_by="marketplace")
    payout_changes.return_payout(returned(payout_id, 400), now=MONDAY)
    assert payout(payout_id).state is State.PARTLY_RETURNED

    resolved(payout_id, ALL_BACK)
    assert (payout(payout_id).state, balances(mill)["party"]) == (State.RETURNED, PAYMENT)
    undone(payout_id)
    assert (payout(payout_id).state, balances(mill)["party"]) == (State.PARTLY_RETURNED, 400)
    payout_changes.return_payout(returned(payout_id, 100, reference="MB-RTR-2"), now=MONDAY)

    assert (payout(payout_id).state, balances(mill)["party"]) == (State.RETURNED, PAYMENT)


@pytest.mark.parametrize("finding", [PAID, NOT_PAID, ALL_BACK])
def test_what_the_bank_has_made_clear_is_nobodys_to_decide(books: Cloud, finding: Finding) -> None:
    _, payout_id = rejected()

    assert refusal(lambda: resolved(payout_id, finding)).code == "payout_state"


def test_a_bank_that_may_reject_what_it_has_debited_leaves_the_money_in_transit(books: Cloud) -> None:
    service.set_bank_profile(call(tenant="operator"), BANK, rejects_before_booking=False, news_days=3, debit_days=5)
    mill, payout_id = rejected()

    assert (payout(payout_id).state, balances(mill)["transit"]) == (State.REJECTION_UNPROVED, PAYMENT)
    assert refusal(lambda: again(payout_id)).code == "payout_attempt_alive"
    payout_changes.settle_payout(debited(payout_id), now=MONDAY)
    assert (payout(payout_id).state, balances(mill)["transit"]) == (State.SETTLED, 0)


# ---- waiting ---------------------------------------------------------------------------------------------------------


def overdue() -> list[str]:
    return [one.payout_id for one in paying.list_overdue(TENANT, after=None, limit=10).values]


def test_a_payout_without_news_is_overdue_after_three_weekdays_and_no_more_once_there_is_news(books: Cloud) -> None:
    _, payout_id = sent()
    friday = MONDAY.replace(hour=0) + timedelta(days=4, hours=-8)  # as it begins in Shanghai

    assert watch_payout(TENANT, payout_id, now=friday - timedelta(seconds=1)) is None
    assert overdue() == []
    late = watch_payout(TENANT, payout_id, now=friday)

    assert late is not None
    assert (late.overdue_since, overdue()) == (friday, [payout_id])
    assert watch_payout(TENANT, payout_id, now=friday + timedelta(hours=1)) is None
    reminded = watch_payout(TENANT, payout_id, now=friday + timedelta(days=1))
    assert reminded is not None
    assert reminded.overdue_since == friday
    told(payout_id, Event.ACCEPTED, now=friday + timedelta(days=1))
    assert (overdue(), payout(payout_id).overdue_since) == ([], None)
    assert watch_payout(TENANT, payout_id, now=friday + timedelta(days=30)) is not None
    assert overdue() == [payout_id]
    payout_changes.settle_payout(debited(payout_id), now=friday + timedelta(days=30))
    assert (overdue(), payout(payout_id).due_at) == ([], None)


def test_news_that_is_no_progress_leaves_the_clock_running(books: Cloud) -> None:
    _, payout_id = sent()
    told(payout_id, Event.ACCEPTED)
    before = payout(payout_id).due_at

    told(payout_id, Event.ACCEPTED, now=MONDAY + timedelta(days=2))

    assert payout(payout_id).due_at == before


def test_overdue_payouts_are_listed_the_longest_first(books: Cloud) -> None:
    ids = [created(party()) for _ in range(2)]
    told(ids[1], Event.DOUBTED, "AM05", now=MONDAY)
    for payout_id in ids:
        assert watch_payout(TENANT, payout_id, now=MONDAY + timedelta(days=1)) is not None

    assert overdue() == [ids[1], ids[0]]


def test_a_return_whose_debit_is_not_known_is_waited_for(books: Cloud) -> None:
    _, payout_id = sent()
    payout_changes.return_payout(returned(payout_id), now=MONDAY)

    assert watch_payout(TENANT, payout_id, now=MONDAY + timedelta(days=5)) is not None
    payout_changes.settle_payout(debited(payout_id), now=MONDAY + timedelta(days=5))
    assert overdue() == []


def test_payouts_are_listed_by_what_they_are_for(books: Cloud) -> None:
    mill = party()
    owed(mill, 3)
    for number, subject in enumerate(("trd_a", "trd_b", "trd_a")):
        command = CreatePayout(mill, cny(1), subject=subject)
        paying.create_payout(call(tenant=TENANT, days=number), command)

    listed = paying.list_payouts_of(TENANT, "trd_a", after=None, limit=10).values

    assert [(one.created_at - MONDAY).days for one in listed] == [2, 0]
    assert paying.list_payouts_of("ten_other", "trd_a", after=None, limit=10).values == ()


# ---- crashes ---------------------------------------------------------------------------------------------------------


def doubted() -> tuple[str, str]:
    mill, payout_id = sent()
    told(payout_id, Event.DOUBTED, "AM05")
    return mill, payout_id


def found_unpaid() -> tuple[str, str]:
    mill, payout_id = doubted()
    resolved(payout_id, NOT_PAID)
    return mill, payout_id


def unsent() -> tuple[str, str]:
    mill = party()
    return mill, created(mill)


COMMANDS: dict[str, tuple[Callable[[], tuple[str, str]], Callable[..., Outcome], State, int]] = {
    "attempt": (
        rejected,
        lambda here, payout_id: payout_commands.start_attempt(here, StartAttempt(payout_id)),
        State.CREATED,
        0,
    ),
    "cancel": (unsent, payout_commands.cancel_payout, State.CANCELLED, PAYMENT),
    "request": (sent, payout_commands.cancel_payout, State.SENT, 0),
    "resend": (sent, payout_commands.resend_payout, State.SENT, 0),
    "resolve": (
        doubted,
        lambda here, payout_id: payout_commands.resolve_payout(here, payout_id, NOT_PAID),
        State.REJECTED,
        PAYMENT,
    ),
    "undo": (found_unpaid, payout_commands.undo_payout_resolution, State.UNKNOWN, 0),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_killed_at_any_call_has_its_effect_once(books: Cloud, name: str) -> None:
    prepare, command, state, minor = COMMANDS[name]
    for point in crash_points(only="dynamodb"):
        mill, payout_id = prepare()
        here = call(tenant=TENANT)
        with point:
            command(here, payout_id)

        assert command(here, payout_id).item.data["payout_id"] == payout_id, point

        after = payout(payout_id)
        assert (after.state, balances(mill)["party"]) == (state, minor), point
        assert after.resends == (name == "resend"), point


def test_a_process_killed_while_noticing_lists_it_once(books: Cloud) -> None:
    for point in crash_points(only="dynamodb"):
        _, payout_id = sent()
        late = MONDAY + timedelta(days=7)
        with point:
            watch_payout(TENANT, payout_id, now=late)

        watch_payout(TENANT, payout_id, now=late)

        assert overdue().count(payout_id) == 1, point
