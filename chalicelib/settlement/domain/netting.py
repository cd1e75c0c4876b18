"""Netting windows: what one takes while it is open, and the stages in which it then closes.

Many small obligations of the same parties are collected in a window. Once it is closed to more, they are summed, netted
(`nets.py`), and each payment that is left becomes a trade of its own, which is funded and released like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256

from chalicelib.core.errors import Conflict, InvalidInput, TooLarge, about
from chalicelib.core.ids import serial
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.metadata import check_metadata
from chalicelib.settlement.domain.nets import Mode, Transfer
from chalicelib.trades.domain.opening import agree_terms
from chalicelib.trades.domain.template import PriceMode, Template
from chalicelib.trades.domain.terms import MILLI, Identity, OpenTrade

MOST_AT_ONCE = 90
"""Obligations of one call: each is an item of its own in one commit."""

MOST_PARTIES = 64
"""Parties of one window. All sums of a window are one document: two numbers for each two parties that have dealt."""

MOST_MINOR = 10**15
"""The largest obligation, so that the sums stay short."""

LONGEST_DAYS = 366
"""How far ahead a window may close."""


class Stage(Enum):
    """Open: it takes obligations. Summing: it takes no more. Settling: netted, its trades are being opened. Closed:
    each payment has its trade."""

    OPEN = "open"
    SUMMING = "summing"
    SETTLING = "settling"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window as it is asked for. `parties` and `fixed_shares` are those of the template's other roles: buyer and
    seller of each trade are the payer and the payee that netting finds."""

    template_id: str
    currency: str
    mode: Mode
    closes_at: datetime
    parties: Mapping[str, str]
    fixed_shares: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Obligation:
    """What one party owes another, under a reference that is in a window once. `details` are the caller's own."""

    reference: str
    payer: str
    payee: str
    amount: Money
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class Added:
    """An obligation with who added it, and when."""

    obligation: Obligation
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Roster:
    """The parties of a window in the order they came to it: their numbers in its sums and payments."""

    parties: tuple[str, ...] = ()

    def place(self, party_id: str) -> int | None:
        """The number of a party, or None."""
        return self.parties.index(party_id) if party_id in self.parties else None


@dataclass(frozen=True, slots=True)
class Netted:
    """The payments of a window, in the order in which their trades are opened."""

    transfers: tuple[Transfer, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A window and how far its closing has come. It changes with its stage, never with an obligation.

    `after` is the last reference that was summed, `restarts` how often summing began anew. Of the payments, `tried` is
    how many have been tried in this pass, `passes` how many passes were made before it, and `refused` has the code of
    each, by its place, that could have no trade.
    """

    net_id: str
    template_id: str
    template_version: int
    buyer_role: str
    seller_role: str
    mode: Mode
    currency: str
    parties: dict[str, str]
    fixed_shares: dict[str, int]
    opened_at: datetime
    closes_at: datetime
    stage: Stage = Stage.OPEN
    closed_at: datetime | None = None
    after: str = ""
    restarts: int = 0
    obligations: int = 0
    total_minor: int = 0
    transfers: int = 0
    tried: int = 0
    passes: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def takes_at(self, now: datetime) -> bool:
        """Whether an obligation may come in."""
        return self.stage is Stage.OPEN and now < self.closes_at

    @property
    def is_netted(self) -> bool:
        """Whether it is known who pays whom."""
        return self.stage in {Stage.SETTLING, Stage.CLOSED}

    @property
    def is_tried(self) -> bool:
        """Whether a trade was tried for every payment that had none."""
        return self.stage is Stage.SETTLING and self.tried == self.transfers

    def has_trade(self, place: int) -> bool:
        """Whether the payment at a place has its trade."""
        return str(place) not in self.refused and (self.passes > 0 or place < self.tried)

    def untried(self, most: int) -> tuple[int, ...]:
        """The next places of payments that still need a trade."""
        places = range(self.tried, self.transfers)
        return tuple(place for place in places if not self.has_trade(place))[:most]

    def after_trying(self, places: Sequence[int], refused: Mapping[int, str]) -> Window:
        """The window once trades were tried for these places, of which some were refused with a code."""
        last = places[-1] + 1 if places else self.transfers
        codes = {place: code for place, code in self.refused.items() if int(place) not in places}
        after = replace(self, tried=last, refused=codes | {str(place): code for place, code in refused.items()})
        return after if after.untried(1) else replace(after, tried=self.transfers)


def open_window(template: Template, command: OpenWindow, net_id: str, *, now: datetime) -> Window:
    """A window that is open from now on.

    Raises InvalidInput, in this order: `closes_at_passed`, `closes_at_too_far`, `price_not_agreed` where the template
    would fix the price later, `role_is_netted` for the buyer or the seller; then what `agree_terms` raises for a trade
    under the template.
    """
    _check_closing(command.closes_at, now)
    if template.price.mode is not PriceMode.AGREED:
        sentence = "what is netted is known: the template may not leave the price open"
        raise InvalidInput("price_not_agreed", sentence, field="template_id", mode=template.price.mode.value)
    for role in (template.buyer, template.seller):
        if role in command.parties:
            sentence = "netting finds who pays whom"
            raise InvalidInput("role_is_netted", sentence, field="parties", role=role)
    window = Window(
        net_id,
        template.id,
        template.version,
        template.buyer,
        template.seller,
        command.mode,
        command.currency,
        dict(command.parties),
        dict(command.fixed_shares),
        now,
        command.closes_at,
    )
    largest = trade_of(window, payer="(payer)", payee="(payee)", minor=MOST_MINOR)
    agree_terms(template, largest, Identity("", "", ""), now=now)
    return window


def _check_closing(closes_at: datetime, now: datetime) -> None:
    if closes_at <= now:
        raise InvalidInput("closes_at_passed", "a window closes later than now", field="closes_at")
    if closes_at > now + timedelta(days=LONGEST_DAYS):
        facts = {"field": "closes_at", "maximum_days": LONGEST_DAYS}
        raise InvalidInput("closes_at_too_far", f"a window is open {LONGEST_DAYS} days at most", **facts)


def check_obligations(obligations: Sequence[Obligation]) -> None:
    """Nothing, where these obligations may be added as far as they themselves tell.

    Raises InvalidInput `too_few_obligations`, TooLarge `too_many_obligations`; of the first that breaks a rule
    InvalidInput with its place: `amount_not_positive`, `amount_too_large`, `payer_is_payee`, `reference_twice`,
    `invalid_details` where `check_metadata` refuses them; then TooLarge `too_many_parties`.
    """
    if not obligations:
        raise InvalidInput("too_few_obligations", "one obligation at least", field="obligations", minimum=1)
    if len(obligations) > MOST_AT_ONCE:
        facts = {"field": "obligations", "maximum": MOST_AT_ONCE}
        raise TooLarge("too_many_obligations", f"at most {MOST_AT_ONCE} at once", **facts)
    references: set[str] = set()
    for index, obligation in enumerate(obligations):
        with about("obligations", index):
            _check_obligation(obligation, references)
        references.add(obligation.reference)
    _check_number(parties_of(obligations))


def _check_obligation(obligation: Obligation, references: set[str]) -> None:
    minor = obligation.amount.minor
    if minor <= 0:
        raise InvalidInput("amount_not_positive", "an obligation is more than nothing", field="amount.minor")
    if minor > MOST_MINOR:
        sentence = f"an obligation is {MOST_MINOR} minor units at most"
        raise InvalidInput("amount_too_large", sentence, field="amount.minor", maximum=MOST_MINOR)
    if obligation.payer == obligation.payee:
        raise InvalidInput("payer_is_payee", "nobody owes itself", field="payee_party_id")
    if obligation.reference in references:
        raise InvalidInput("reference_twice", "each obligation has a reference of its own", field="reference")
    _check_details(obligation.details)


def _check_details(details: Mapping[str, str]) -> None:
    """They stand in the obligation's own item, and have the limits of what may be written on an entry."""
    try:
        check_metadata(details)
    except InvalidInput as refusal:
        raise InvalidInput("invalid_details", refusal.sentence, field="details", limit=refusal.code) from refusal


def take_obligations(window: Window, roster: Roster, obligations: Sequence[Obligation], *, now: datetime) -> Roster:
    """The roster once these obligations are in the window.

    Raises of the first obligation that breaks a rule InvalidInput `currency_mismatch` or `party_has_another_role` with
    its place; Conflict `window_closed`; TooLarge `too_many_parties`.
    """
    for index, obligation in enumerate(obligations):
        with about("obligations", index):
            _check_fits(window, obligation)
    if not window.takes_at(now):
        raise window_closed()
    parties = tuple(dict.fromkeys((*roster.parties, *parties_of(obligations))))
    _check_number(parties)
    return Roster(parties)


def _check_fits(window: Window, obligation: Obligation) -> None:
    currency = obligation.amount.currency
    if currency != window.currency:
        facts = {"field": "amount.currency", "expected": window.currency, "given": currency}
        raise InvalidInput("currency_mismatch", "the window is in another currency", **facts)
    for name, party_id in (("payer_party_id", obligation.payer), ("payee_party_id", obligation.payee)):
        if party_id in window.parties.values():
            sentence = "a party that has a role in all of the window's trades neither pays nor gets in it"
            raise InvalidInput("party_has_another_role", sentence, field=name, party_id=party_id)


def _check_number(parties: Sequence[str]) -> None:
    if len(parties) > MOST_PARTIES:
        facts = {"field": "obligations", "maximum": MOST_PARTIES}
        raise TooLarge("too_many_parties", f"a window nets {MOST_PARTIES} parties at most", **facts)


def parties_of(obligations: Sequence[Obligation]) -> tuple[str, ...]:
    """The payers and payees of obligations, each once."""
    return tuple(dict.fromkeys(party for one in obligations for party in (one.payer, one.payee)))


def window_closed() -> Conflict:
    """What an obligation that comes too late is refused with."""
    return Conflict("window_closed", "the window takes no more obligations")


def window_state(window: Window) -> Conflict:
    """What a closing is refused with that the window's stage does not allow."""
    return Conflict("window_state", "the window is closed already", state=window.stage.value)


def close_window(window: Window, *, now: datetime) -> Window:
    """The window, closed to obligations; or once more on its way, where some of its payments could have no trade.

    Raises Conflict `window_state` where it is closing already or has closed.
    """
    if window.is_tried and window.refused:
        return replace(window, tried=0, passes=window.passes + 1)
    if window.stage is not Stage.OPEN:
        raise window_state(window)
    return replace(window, stage=Stage.SUMMING, closed_at=now)


def trade_of(window: Window, *, payer: str, payee: str, minor: int) -> OpenTrade:
    """The trade that settles a payment: one unit at that price."""
    return OpenTrade(
        currency=window.currency,
        quantity_milli=MILLI,
        unit_price_minor=minor,
        parties={window.buyer_role: payer, window.seller_role: payee, **window.parties},
        fixed_shares=window.fixed_shares,
    )


def trade_serial(window: Window, *, payer: str, payee: str) -> str:
    """The time-ordered part of a payment's trade id: always the same one, so that it is known before it is opened."""
    digest = sha256(f"{window.net_id}:{payer}:{payee}".encode()).digest()
    return serial(window.closed_at or window.closes_at, digest)


def settling(mode: Mode, transfers: Sequence[Transfer], payer: int, payee: int) -> tuple[int, ...]:
    """The places of the payments that an obligation of these two has gone into: the one between them (none where it
    came to nothing), or, netted among all, those that either of them makes or gets."""
    ends = {payer, payee}
    if mode is Mode.BILATERAL:
        return tuple(i for i, one in enumerate(transfers) if {one.payer, one.payee} == ends)
    return tuple(i for i, one in enumerate(transfers) if ends & {one.payer, one.payee})
