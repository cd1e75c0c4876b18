"""Opening a trade: what a deal must say under its template, and the state it begins in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.splits.domain.waterfall import divide
from chalicelib.trades.domain.checks import check_quantity
from chalicelib.trades.domain.clocks import end_of_term
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import Part, PriceMode, Template
from chalicelib.trades.domain.terms import Identity, OpenTrade, Terms
from chalicelib.trades.domain.trade import Trade, check_state, move
from chalicelib.trades.domain.worth import part_of

MOST_LOTS = 50
LONGEST_NAME = 40
LONGEST_WINDOW = timedelta(days=366)


def open_trade(template: Template, command: OpenTrade, identity: Identity, *, now: datetime) -> tuple[Terms, Trade]:
    """Open a trade under a template: its terms, and its state with nothing in the escrow. Raises as `agree_terms`."""
    terms = agree_terms(template, command, identity, now=now)
    rule = template.expiry
    stage, days = (State.DRAFT, rule.draft_days) if command.draft else (State.AGREED, rule.funding_days)
    due = terms.due
    trade = Trade(
        terms.trade_id,
        stage,
        due.currency,
        due.minor,
        terms.provisional_price.minor,
        expires_at=end_of_term(terms, days, now),
    )
    return terms, trade


def agree(terms: Terms, trade: Trade, *, now: datetime) -> Trade:
    """A draft that binds from now on. Raises Conflict `trade_state`."""
    check_state(trade, Command.AGREE)
    days = terms.template.expiry.funding_days
    return move(trade, Command.AGREE, State.AGREED, expires_at=end_of_term(terms, days, now))


def agree_terms(template: Template, command: OpenTrade, identity: Identity, *, now: datetime) -> Terms:
    """The terms of a deal under a template.

    Raises InvalidInput, in this order: `unknown_currency`, `currency_not_allowed`, `price_currency_not_allowed`,
    `rate_without_price_currency`, `rate_missing`; `quantity_not_positive`, `quantity_too_large`, `price_not_positive`,
    `amount_too_large`, `premium_without_index`, `price_bounds_cross`; `window_missing`, `window_not_wanted`,
    `window_backwards`, `window_too_long`; `too_many_lots`, `lot_name_invalid`, `lot_twice`, what a quantity and a price
    are refused for, `lots_do_not_add_up`; `unknown_role`, `party_missing`, `buyer_is_receiver`; `unknown_share`,
    `share_amount_missing`, `share_invalid`; `amount_not_positive`. Then Conflict `split_exceeds_amount` where the fixed
    shares of a split leave nothing for the rest of what it divides at the provisional price.
    """
    _check_currencies(template, command)
    _check_price(template, command)
    _check_window(template, command)
    _check_lots(command)
    _check_parties(template, command.parties)
    _check_shares(template, command.fixed_shares)
    terms = Terms(
        trade_id=identity.trade_id,
        template=template,
        currency=command.currency,
        price_currency=command.price_currency or command.currency,
        quantity_milli=command.quantity_milli,
        unit_price_minor=command.unit_price_minor,
        parties=dict(command.parties),
        fixed_shares=dict(command.fixed_shares),
        premium_minor=command.premium_minor,
        floor_minor=command.floor_minor,
        cap_minor=command.cap_minor,
        window=command.window,
        rate=command.rate,
        lots=command.lots,
        top_up_line_id=command.top_up_line_id,
        escrow_account_id=identity.escrow_account_id,
        reference=identity.reference,
        opened_at=now,
    )
    if terms.provisional_price.minor <= 0:
        raise InvalidInput("amount_not_positive", "quantity times price rounds to nothing", field="unit_price_minor")
    _check_splits(terms)
    return terms


def _check_currencies(template: Template, command: OpenTrade) -> None:
    exponent(command.currency)
    _check_allowed("currency", command.currency, template.currencies)
    if command.price_currency or template.price.currencies:
        _check_allowed("price_currency", command.price_currency, template.price.currencies)
    abroad = command.price_currency not in {"", command.currency}
    if command.rate is not None and not abroad:
        raise InvalidInput("rate_without_price_currency", "the price is in the trade's currency", field="rate")
    if command.rate is None and abroad:
        raise InvalidInput("rate_missing", "prices in another currency need a provisional rate", field="rate")


def _check_allowed(name: str, currency: str, allowed: tuple[str, ...]) -> None:
    if currency not in allowed:
        facts = {"field": name, "currency": currency, "allowed": list(allowed)}
        raise InvalidInput(f"{name}_not_allowed", f"the template allows {', '.join(allowed) or 'none'}", **facts)


def _check_price(template: Template, command: OpenTrade) -> None:
    check_quantity(command.quantity_milli, "quantity_milli")
    if command.unit_price_minor <= 0:
        raise InvalidInput("price_not_positive", "a unit price is more than nothing", field="unit_price_minor")
    for name in ("unit_price_minor", "premium_minor", "floor_minor", "cap_minor"):
        if abs(getattr(command, name) or 0) > MAX_MINOR:
            raise InvalidInput("amount_too_large", "more than 28 digits", field=name, maximum=MAX_MINOR)
    if command.premium_minor and template.price.mode is PriceMode.AGREED:
        raise InvalidInput("premium_without_index", "only an index price has a premium", field="premium_minor")
    floor, cap = command.floor_minor, command.cap_minor
    if (floor is not None and floor <= 0) or (cap is not None and cap < (floor or 1)):
        raise InvalidInput("price_bounds_cross", "0 < floor <= cap", field="cap_minor")


def _check_window(template: Template, command: OpenTrade) -> None:
    wanted = template.price.mode is PriceMode.MONTH_AVERAGE
    allowed = wanted or template.price.mode is PriceMode.INDEX_AVERAGE
    if command.window is None:
        if wanted:
            raise InvalidInput("window_missing", "a month's average needs its month", field="window")
        return
    if not allowed:
        raise InvalidInput("window_not_wanted", "the template averages no prices in a window", field="window")
    if command.window.last < command.window.first:
        raise InvalidInput("window_backwards", "a window ends after it begins", field="window")
    if command.window.last - command.window.first > LONGEST_WINDOW:
        raise InvalidInput("window_too_long", "prices are averaged over a year at most", field="window")


def _check_lots(command: OpenTrade) -> None:
    if len(command.lots) > MOST_LOTS:
        raise InvalidInput("too_many_lots", f"at most {MOST_LOTS} lots", field="lots", maximum=MOST_LOTS)
    names = [lot.name for lot in command.lots]
    for i, lot in enumerate(command.lots):
        if not 0 < len(lot.name) <= LONGEST_NAME or "/" in lot.name:
            facts = {"field": f"lots[{i}].name", "maximum": LONGEST_NAME}
            raise InvalidInput("lot_name_invalid", "a lot has a short name without a slash", **facts)
        if names.index(lot.name) < i:
            raise InvalidInput("lot_twice", "each lot has a name of its own", field=f"lots[{i}].name", lot=lot.name)
        check_quantity(lot.quantity_milli, f"lots[{i}].quantity_milli")
        if lot.unit_price_minor is not None and not 0 < lot.unit_price_minor <= MAX_MINOR:
            raise InvalidInput("price_not_positive", "1 to 10^27", field=f"lots[{i}].unit_price_minor")
    total = sum(lot.quantity_milli for lot in command.lots)
    if command.lots and total != command.quantity_milli:
        facts = {"field": "lots", "lots_milli": total, "quantity_milli": command.quantity_milli}
        raise InvalidInput("lots_do_not_add_up", "the lots come to another quantity", **facts)


def _check_parties(template: Template, parties: Mapping[str, str]) -> None:
    """Every role but the marketplace's has a party, and the buyer is none of those who are paid."""
    for role in parties:
        if role not in template.party_roles:
            raise InvalidInput("unknown_role", "the template has no such role", field="parties", role=role)
    for role in template.party_roles:
        if role not in parties:
            raise InvalidInput("party_missing", "every role needs its party", field="parties", role=role)
    paid = {role.name for role in template.roles if role.part in {Part.SELLER, Part.RECEIVER}}
    for role, party_id in parties.items():
        if role in paid and party_id == parties[template.buyer]:
            raise InvalidInput("buyer_is_receiver", "the buyer cannot be paid as well", field="parties", role=role)


def _check_shares(template: Template, fixed_shares: Mapping[str, int]) -> None:
    for role in fixed_shares:
        if role not in template.fixed_roles:
            raise InvalidInput("unknown_share", "the split has no fixed share of it", field="fixed_shares", role=role)
    for role in template.fixed_roles:
        if role not in fixed_shares:
            sentence = "a fixed share needs its amount"
            raise InvalidInput("share_amount_missing", sentence, field="fixed_shares", role=role)
    for role, minor in fixed_shares.items():
        if not 0 <= minor <= MAX_MINOR:
            raise InvalidInput("share_invalid", "an amount is 0 to 10^27", field="fixed_shares", role=role)


def _check_splits(terms: Terms) -> None:
    """The template's split can divide the price, and a milestone's own split its part of it."""
    price = terms.provisional_price
    divide(terms.waterfall(), price)
    for milestone in terms.template.milestones:
        if milestone.split:
            divide(terms.waterfall(milestone.split), price.of(part_of(price.minor, terms.bps_of(milestone))))
