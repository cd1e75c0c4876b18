"""What an account and an entry are. An entry refuses to exist unbalanced.

Leaves to the store: how a balance is moved and a limit enforced in the write itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from enum import Enum

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.ids import derived_id
from chalicelib.core.instants import LONG_AGO
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.metadata import check_metadata

LEAST_POSTINGS = 2
MOST_POSTINGS = 90
FUTURE = timedelta(minutes=1)


class Kind(Enum):
    """The five kinds of account."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def debit_normal(self) -> bool:
        """Whether debits raise the balance, as they do for assets and expenses."""
        return self in {Kind.ASSET, Kind.EXPENSE}


class Side(Enum):
    """Debit or credit."""

    DEBIT = "debit"
    CREDIT = "credit"


class Purpose(Enum):
    """What an account is for. All but GENERAL are found by purpose and owner alone: see `purpose_account_id`."""

    GENERAL = "general"
    BANK = "bank"
    SUSPENSE = "suspense"
    PAYOUTS_IN_TRANSIT = "payouts_in_transit"
    FEE_INCOME = "fee_income"
    INTEREST_INCOME = "interest_income"
    PARTY = "party"
    ESCROW = "escrow"
    SPLIT = "split"
    LOAN = "loan"
    INTEREST_RECEIVABLE = "interest_receivable"
    LENDER_UNDRAWN = "lender_undrawn"
    LENDER_DRAWN = "lender_drawn"
    FX_POSITION = "fx_position"
    FX_RESULT = "fx_result"
    BANK_CHARGES = "bank_charges"
    CLAIMS = "claims"
    CLAIM_LOSSES = "claim_losses"


KIND_OF_PURPOSE = {
    Purpose.BANK: Kind.ASSET,
    Purpose.SUSPENSE: Kind.LIABILITY,
    Purpose.PAYOUTS_IN_TRANSIT: Kind.LIABILITY,
    Purpose.FEE_INCOME: Kind.INCOME,
    Purpose.INTEREST_INCOME: Kind.INCOME,
    Purpose.PARTY: Kind.LIABILITY,
    Purpose.ESCROW: Kind.LIABILITY,
    Purpose.SPLIT: Kind.LIABILITY,
    Purpose.LOAN: Kind.ASSET,
    Purpose.INTEREST_RECEIVABLE: Kind.ASSET,
    Purpose.LENDER_UNDRAWN: Kind.LIABILITY,
    Purpose.LENDER_DRAWN: Kind.LIABILITY,
    Purpose.FX_POSITION: Kind.EQUITY,
    Purpose.FX_RESULT: Kind.INCOME,
    Purpose.BANK_CHARGES: Kind.EXPENSE,
    Purpose.CLAIMS: Kind.ASSET,
    Purpose.CLAIM_LOSSES: Kind.EXPENSE,
}
"""The kind that follows from a purpose. A GENERAL account says its own."""


OPEN_TO_CALLERS = frozenset(
    {
        Purpose.GENERAL,
        Purpose.BANK,
        Purpose.FEE_INCOME,
        Purpose.INTEREST_INCOME,
        Purpose.PARTY,
        Purpose.FX_POSITION,
        Purpose.FX_RESULT,
        Purpose.BANK_CHARGES,
        Purpose.CLAIM_LOSSES,
    }
)
"""The purposes that an entry made by hand may touch. The others (an escrow, what a split holds, a loan, a lender's
money, payouts on their way, claims) always equal what a trade, a split, a line, a payout or a claim says, and move by
those commands alone."""


DEFERRED = "hot"
"""The prefix of a deferred account's id: what commits move by the feed and not by themselves, they know by it."""


def is_deferred(account_id: str) -> bool:
    """Whether the balance of this account follows the feed, told by its id alone."""
    return account_id.startswith(f"{DEFERRED}_")


@dataclass(frozen=True, slots=True)
class Account:
    """A place in the books with one currency. `floor` and `ceiling` bound the balance on the account's own side (minor
    units, None: the number limit only); `balance` is debits less credits, whatever the kind, and `held` what holds
    have reserved of it. `as_of` is None, or, on a deferred account, the feed number up to which every entry counts."""

    account_id: str
    name: str
    kind: Kind
    currency: str
    purpose: Purpose = Purpose.GENERAL
    owner: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    floor: int | None = None
    ceiling: int | None = None
    status: str = "open"
    balance: int = 0
    held: int = 0
    version: int = 0
    closed_until: str = LONG_AGO
    as_of: int | None = None

    @property
    def own_balance(self) -> int:
        """The balance on the account's normal side: positive for a liability with more credits than debits."""
        return self.balance if self.kind.debit_normal else -self.balance

    @property
    def available(self) -> int:
        """What a new entry may take: the own balance less what is held and less the floor. Without a floor there is no
        such limit, and it is the own balance less what is held."""
        return self.own_balance - self.held - (self.floor or 0)


def rooms(account: Account) -> tuple[int, int]:
    """How much may still be debited and credited: `(debit_room, credit_room)` of an account, in minor units."""
    floor = -MAX_MINOR if account.floor is None else account.floor
    ceiling = MAX_MINOR if account.ceiling is None else account.ceiling
    up, down = ceiling - account.own_balance, account.own_balance - floor
    return (up, down) if account.kind.debit_normal else (down, up)


def new_account(account: Account) -> Account:
    """The account, its limits checked. Raises InvalidInput `invalid_limits` where zero is not between them, and
    `deferred_with_limits`: what follows the feed cannot be held to a limit."""
    low = 0 if account.floor is None else account.floor
    high = 0 if account.ceiling is None else account.ceiling
    if not (-MAX_MINOR <= low <= 0 <= high <= MAX_MINOR):
        raise InvalidInput("invalid_limits", "an account opens at zero, so floor <= 0 <= ceiling", field="floor_minor")
    if account.as_of is not None and (account.floor, account.ceiling) != (None, None):
        raise InvalidInput("deferred_with_limits", "a deferred account has no floor and no ceiling", field="deferred")
    return account


def purpose_account_id(tenant: str, purpose: Purpose, currency: str, owner: str = "") -> str:
    """The id of the one account with this purpose, currency and owner: known without a read."""
    return derived_id("acc", tenant, purpose.value, currency, owner)


def purpose_account(
    tenant: str,
    purpose: Purpose,
    currency: str,
    *,
    name: str,
    owner: str = "",
    floor: int | None = 0,
    ceiling: int | None = None,
) -> Account:
    """An account for a purpose. Its floor is 0 unless said otherwise."""
    return new_account(
        Account(
            account_id=purpose_account_id(tenant, purpose, currency, owner),
            name=name,
            kind=KIND_OF_PURPOSE[purpose],
            currency=currency,
            purpose=purpose,
            owner=owner or None,
            floor=floor,
            ceiling=ceiling,
        )
    )


def movement_key(bank_account_id: str, bank_reference: str) -> str:
    """The worker key under which one movement of a bank account is booked, whoever tells of it: a callback, a statement
    line's resolution. `bank_account_id` is the BANK account in the books, `bank_reference` the bank's own."""
    return f"bank:{bank_account_id}:{bank_reference}"


def movement_content(amount: Money) -> dict[str, object]:
    """What a movement's fingerprint covers: the signed amount, money in positive. Told twice, it is the same."""
    return {"minor": amount.minor, "currency": amount.currency}


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: an account, a side, a positive amount."""

    account_id: str
    side: Side
    amount: Money

    @property
    def signed(self) -> int:
        """Minor units, debits positive."""
        return self.amount.minor if self.side is Side.DEBIT else -self.amount.minor


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced set of postings. Two clocks: when it took effect, and (on the journal item) when it was recorded."""

    kind: str
    postings: tuple[Posting, ...]
    occurred_at: datetime
    subject: str | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if problem := _problem(self.postings):
            code, facts = problem
            raise InvalidInput(code, code.replace("_", " "), **facts)
        if self.metadata:
            check_metadata(self.metadata)


def debit(account_id: str, amount: Money) -> Posting:
    """A debit posting."""
    return Posting(account_id, Side.DEBIT, amount)


def credit(account_id: str, amount: Money) -> Posting:
    """A credit posting."""
    return Posting(account_id, Side.CREDIT, amount)


def transfer(kind: str, *, debited: str, credited: str, amount: Money, occurred_at: datetime) -> Entry:
    """An entry of two postings."""
    return Entry(kind, (debit(debited, amount), credit(credited, amount)), occurred_at)


def entry_of(
    kind: str,
    postings: Iterable[Posting],
    *,
    occurred_at: datetime,
    subject: str | None = None,
    reference: str | None = None,
) -> Entry:
    """An entry that our own rules composed: legs of zero are left out, and what does not balance is our defect."""
    legs = tuple(posting for posting in postings if posting.amount.minor != 0)
    try:
        return Entry(kind, legs, occurred_at, subject, reference)
    except InvalidInput as error:
        raise Defect(f"{kind} makes no entry: {error.code} {error.facts}") from error


def check_occurred_at(occurred_at: datetime, *, now: datetime) -> datetime:
    """The instant, unless it lies more than a minute ahead: InvalidInput `occurred_in_future`."""
    if occurred_at > now + FUTURE:
        raise InvalidInput("occurred_in_future", "occurred_at lies more than a minute ahead", field="occurred_at")
    return occurred_at


def _problem(postings: Sequence[Posting]) -> tuple[str, dict[str, object]] | None:
    """The first rule the postings break, in the order callers are told of them."""
    if len(postings) < LEAST_POSTINGS:
        return "too_few_postings", {"field": "postings", "minimum": LEAST_POSTINGS}
    if len(postings) > MOST_POSTINGS:
        return "too_many_postings", {"field": "postings", "maximum": MOST_POSTINGS}
    for i, posting in enumerate(postings):
        if posting.amount.minor <= 0:
            return "amount_not_positive", {"field": f"postings[{i}].amount"}
    first: dict[str, Posting] = {}
    for i, posting in enumerate(postings):
        earlier = first.setdefault(posting.account_id, posting)
        facts: dict[str, object] = {"field": f"postings[{i}].account_id", "account_id": posting.account_id}
        if earlier.side is not posting.side:
            return "account_on_both_sides", facts
        if earlier.amount.currency != posting.amount.currency:
            return "account_in_two_currencies", facts
    return _imbalance(postings)


def _imbalance(postings: Sequence[Posting]) -> tuple[str, dict[str, object]] | None:
    """The first currency in which debits and credits differ."""
    sums: dict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.amount.currency] += posting.signed
    for currency, difference in sums.items():
        if difference:
            return "unbalanced", {"field": "postings", "currency": currency, "difference": difference}
    return None
