"""Foreign exchange: the accounts it goes through, quotes, exchanges under them, and what they have left."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money, exponent
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account, Entry, Purpose, check_occurred_at, purpose_account
from chalicelib.ledger.exchange import (
    EXCHANGED,
    Deal,
    ExchangeOrder,
    FxBook,
    Quote,
    check_account,
    check_order,
    check_sides,
    check_usable,
    deal,
    exchange_postings,
    new_quote,
    position_account_id,
    result_account_id,
    result_of,
)
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.ledger.metadata import check_metadata
from chalicelib.ledger.store import accounts, entries
from chalicelib.ledger.store import exchange as store
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import AccountItem, account_key


@dataclass(frozen=True, slots=True)
class Position:
    """What the exchanges of a tenant have left it with in a currency, and what it has gained by those into it."""

    currency: str
    position: Account
    result: Account


def open_fx_accounts(call: Call, currency: str) -> Outcome:
    """Open the position and the result account of a currency. Facts: the currency and both ids.

    Raises InvalidInput `unknown_currency`, Conflict `fx_accounts_exist`.
    """
    exponent(currency)
    position = purpose_account(
        call.tenant, Purpose.FX_POSITION, currency, name=f"Foreign exchange position {currency}", floor=None
    )
    result = purpose_account(
        call.tenant, Purpose.FX_RESULT, currency, name=f"Foreign exchange result {currency}", floor=None
    )
    facts = {
        "currency": currency,
        "position_account_id": position.account_id,
        "result_account_id": result.account_id,
    }

    def decide(found: Found) -> Plan:
        book = store.take_book(found, call.tenant)
        if currency in book.value.currencies:
            raise Conflict("fx_accounts_exist", "the accounts of this currency are open already", **facts)
        after = FxBook(tuple(sorted((*book.value.currencies, currency))))
        return Plan(
            journal_item(call, "fx.accounts_opened", data=facts),
            (
                accounts.open_account(call.tenant, position, opened_by=call),
                accounts.open_account(call.tenant, result, opened_by=call),
                store.save_book(call.tenant, after, version=book.version),
            ),
        )

    return once(call, decide, reads=(store.book_key(call.tenant),))


def quote(call: Call, terms: Quote) -> Outcome:
    """Promise to exchange at a rate until an instant; the quote's own id is made here. Facts: the quote's terms.

    Raises InvalidInput `unknown_currency`, `same_currency`, `invalid_validity`.
    """

    def decide(_: Found) -> Plan:
        made = new_quote(replace(terms, quote_id=call.new_id("fxq")), now=call.now)
        item = journal_item(call, "fx.quoted", subject=made.quote_id, data=quote_facts(made))
        return Plan(item, (store.create_quote(call.tenant, made),))

    # A retry may come when the quote's time is over already: it is the earlier answer that it wants.
    return once(call, decide)


def get_quote(tenant: str, quote_id: str) -> Quote:
    """A quote by its id. Raises NotFound `quote_not_found`."""
    return store.load_quote(tenant, quote_id)


def exchange(call: Call, quote_id: str, order: ExchangeOrder) -> Outcome:
    """Exchange under a quote: one entry through the position accounts of both currencies. Facts: what was sold and
    bought, the market's value of it and what we gained by it.

    Raises, in this order: InvalidInput `amount_not_positive`, as `check_metadata`, `occurred_in_future`; NotFound
    `quote_not_found`; Conflict `quote_expired`, `quote_used`; InvalidInput `currency_mismatch`, `amount_too_small`;
    Conflict `fx_account_missing`; then of the paying and of the other account NotFound `account_not_found`, Conflict
    `account_controlled`, InvalidInput `currency_mismatch`; Conflict `accounts_on_two_sides`; what any entry may be
    refused for.
    """
    check_order(order)
    check_metadata(order.metadata)
    occurred_at = check_occurred_at(order.occurred_at or call.now, now=call.now)
    dated = replace(order, occurred_at=occurred_at)
    keys = (
        store.quote_key(call.tenant, quote_id),
        store.book_key(call.tenant),
        account_key(call.tenant, order.from_account_id),
        account_key(call.tenant, order.to_account_id),
    )
    return with_expired_returned(call, lambda: once(call, lambda found: _plan(call, quote_id, dated, found), keys))


def positions(tenant: str) -> tuple[Position, ...]:
    """What a tenant's exchanges have left it with, by currency; each account is read strongly, by itself."""
    currencies = store.load_book(tenant).currencies
    found = store.load_positions(tenant, currencies)
    return tuple(
        Position(
            currency,
            found[position_account_id(tenant, currency)],
            found[result_account_id(tenant, currency)],
        )
        for currency in currencies
    )


def quote_facts(made: Quote) -> dict[str, object]:
    """A quote's terms, as journalled when it is made."""
    market = made.market_rate
    return {
        "quote_id": made.quote_id,
        "sell_currency": made.sell_currency,
        "buy_currency": made.buy_currency,
        "rate": [made.rate.numerator, made.rate.denominator],
        "market_rate": None if market is None else [market.numerator, market.denominator],
        "valid_until": instant_text(made.valid_until),
        "single_use": made.single_use,
    }


def _plan(call: Call, quote_id: str, order: ExchangeOrder, found: Found) -> Plan:
    stored = store.take_quote(found, call.tenant, quote_id)
    check_usable(stored.value, now=call.now)
    made = deal(stored.value, order)
    _check_open(found, call.tenant, made)
    paying = _take_account(found, call.tenant, order.from_account_id, made.sold.currency, name="from_account_id")
    getting = _take_account(found, call.tenant, order.to_account_id, made.bought.currency, name="to_account_id")
    check_sides(paying, getting)
    entry = Entry(
        kind=EXCHANGED,
        postings=exchange_postings(call.tenant, made, paying, getting),
        occurred_at=order.occurred_at or call.now,
        subject=quote_id,
        reference=order.reference,
        metadata=order.metadata,
    )
    used = replace(stored.value, used_by=call.entry_id)
    writes = (store.save_quote(call.tenant, used, version=stored.version),) if used.single_use else ()
    return entries.plan_entry(call, entry, *writes, data=_facts(order, made, stored.value, paying), by_hand=True)


def _check_open(found: Found, tenant: str, made: Deal) -> None:
    currencies = store.take_book(found, tenant).value.currencies
    for currency in (made.sold.currency, made.bought.currency):
        if currency not in currencies:
            sentence = "open the tenant's accounts for exchanges of this currency first"
            raise Conflict("fx_account_missing", sentence, currency=currency)


def _take_account(found: Found, tenant: str, account_id: str, currency: str, *, name: str) -> Account:
    item = found.get(account_key(tenant, account_id))
    if item is None:
        raise NotFound("account_not_found", "no such account", account_id=account_id)
    account = accounts.to_account(cast("AccountItem", item))
    check_account(account, currency, name=name)
    return account


def _facts(order: ExchangeOrder, made: Deal, under: Quote, paying: Account) -> dict[str, object]:
    told = under.market_rate is not None
    return {
        "quote_id": under.quote_id,
        "from_account_id": order.from_account_id,
        "to_account_id": order.to_account_id,
        "sold": _money_facts(made.sold),
        "bought": _money_facts(made.bought),
        "market": _money_facts(made.market) if told else None,
        "result_minor": result_of(made, paying).minor if told else None,
    }


def _money_facts(amount: Money) -> dict[str, object]:
    return {"minor": amount.minor, "currency": amount.currency}
