"""Who banks with whom: parties and where they are paid, banks and accounts there, what should come in, what came.

Pure. Leaves to others: the life of a payout (`payouts.py`), what a bank's message says of an account (`movements.py`),
how details are sealed (`chalicelib.security.sealing`), what a payment is used for (`chalicelib.settlement`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Literal

from chalicelib.banking.references import check_iban, compact
from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.masking import masked
from chalicelib.core.money import Money, exponent
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account, Purpose, purpose_account, purpose_account_id

MOST_NAME = 140
MOST_ACCOUNT = 34
MOST_ROLES = 8
MOST_TEXT = 140
MAX_PROFILE_DAYS = 90
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_BANK_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_LIKE_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)

PaymentKind = Literal["trade", "lender", "credit_line"]
PaymentStatus = Literal["expected", "short", "met", "over"]


@dataclass(frozen=True, slots=True)
class BankDetails:
    """Where a party is paid: the holder's name, an IBAN or (in countries without) an account number, a BIC or none.

    Kept sealed, apart from the party. Never logged, never answered but for the last characters.
    """

    holder: str
    iban: str = ""
    account: str = ""
    bic: str = ""

    def __repr__(self) -> str:
        return f"BankDetails({self.masked!r})"

    @property
    def masked(self) -> str:
        """All that may be shown of them."""
        return masked(self.iban or self.account)


@dataclass(frozen=True, slots=True)
class Party:
    """A company that trades, lends, carries or inspects. `roles` are words of the tenant's own choice;
    `bank_account` is masked."""

    party_id: str
    name: str
    roles: tuple[str, ...]
    bank_account: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank, and the P-256 key (PEM) by which its callbacks are known.

    Its profile: `rejects_before_booking` (what it rejects it has not debited), `news_days` (business days within
    which it says what becomes of a payout), `debit_days` (business days after a payout's day on which it may still
    debit it), those of where the payout's currency is settled.
    """

    bank_id: str
    name: str
    public_key_pem: str
    rejects_before_booking: bool = True
    news_days: int = 3
    debit_days: int = 5


@dataclass(frozen=True, slots=True)
class BankAccount:
    """One tenant's account at a bank. `iban` is what the bank's messages call it, where it has no IBAN its number."""

    bank_id: str
    iban: str
    tenant_id: str
    currency: str

    @property
    def account_id(self) -> str:
        """Its place in the books."""
        return purpose_account_id(self.tenant_id, Purpose.BANK, self.currency, self.iban)


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """What a bank should receive under a reference. `expected_minor` None: any amount, as often as it comes. `receipts`
    are the last ones that were taken for it."""

    reference: str
    kind: PaymentKind
    subject_id: str
    currency: str
    expected_minor: int | None
    received_minor: int = 0
    receipts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.received_minor < 0 or (self.expected_minor is not None and self.expected_minor < 0):
            raise Defect(f"expected payment {self.reference}: nothing is negative")

    @property
    def status(self) -> PaymentStatus:
        """`expected` before anything came, then `short`, `met` or `over`; any amount meets an open expectation."""
        if self.received_minor == 0:
            return "expected"
        if self.expected_minor is None or self.received_minor == self.expected_minor:
            return "met"
        return "short" if self.received_minor < self.expected_minor else "over"


@dataclass(frozen=True, slots=True)
class Callback:
    """A bank's signed message as it was taken: `blob` is where the raw bytes lie. `queued`: the worker knows of it."""

    callback_id: str
    bank_id: str
    message_id: str
    sha256: str
    blob: str
    received_at: datetime
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message, or one fact of one, that could not be used, and why. `tenant` None: nobody can say whose it is."""

    quarantine_id: str
    bank_id: str
    tenant: str | None
    message_id: str
    blob: str
    reason: str
    facts: dict[str, str | int]
    quarantined_at: datetime


def new_party(party_id: str, *, name: str, roles: tuple[str, ...], details: BankDetails, created_at: datetime) -> Party:
    """A party. Raises InvalidInput `invalid_name`, `too_many_roles`, `invalid_role`."""
    check_name(name)
    if len(roles) > MOST_ROLES:
        raise InvalidInput("too_many_roles", f"at most {MOST_ROLES} roles", field="roles", maximum=MOST_ROLES)
    for i, role in enumerate(roles):
        if _ROLE.fullmatch(role) is None:
            raise InvalidInput("invalid_role", "a role is a word of a to z, 0 to 9 and _", field=f"roles[{i}]")
    return Party(party_id, name, tuple(dict.fromkeys(roles)), details.masked, created_at)


def check_name(name: str) -> str:
    """The name of a company, as a payment file can carry it. Raises InvalidInput `invalid_name`."""
    _check_text(name, most=MOST_NAME, field="name", code="invalid_name")
    return name


def bank_details(*, holder: str, iban: str = "", account: str = "", bic: str = "") -> BankDetails:
    """Bank details, compact. Raises InvalidInput `invalid_holder`, `invalid_bank_details` (it takes an IBAN or an
    account number), `invalid_iban`, `invalid_account`, `invalid_bic`."""
    _check_text(holder, most=MOST_NAME, field="bank_details.holder", code="invalid_holder")
    if bool(iban) == bool(account):
        raise InvalidInput("invalid_bank_details", "give an IBAN or an account number", field="bank_details")
    if iban:
        iban = check_iban(iban, field="bank_details.iban")
    else:
        _check_text(account, most=MOST_ACCOUNT, field="bank_details.account", code="invalid_account")
    bic = compact(bic)
    if bic and _BIC.fullmatch(bic) is None:
        raise InvalidInput("invalid_bic", "a BIC has 8 or 11 characters", field="bank_details.bic")
    return BankDetails(holder, iban, account, bic)


def is_bank_id(text: str) -> bool:
    """Whether a text may be a bank's id: 1 to 64 of a to z, 0 to 9, _ and -."""
    return _BANK_ID.fullmatch(text) is not None


def new_bank(bank_id: str, *, name: str, public_key_pem: str) -> Bank:
    """A bank. Raises InvalidInput `invalid_bank_id`, `invalid_name`. Its key is checked where keys are."""
    if not is_bank_id(bank_id):
        raise InvalidInput("invalid_bank_id", "1 to 64 of a to z, 0 to 9, _ and -", field="bank_id")
    check_name(name)
    return Bank(bank_id, name, public_key_pem)


def with_profile(bank: Bank, *, rejects_before_booking: bool, news_days: int, debit_days: int) -> Bank:
    """The bank with another profile. Raises InvalidInput `invalid_profile_days`."""
    for field, days in (("news_days", news_days), ("debit_days", debit_days)):
        if not 1 <= days <= MAX_PROFILE_DAYS:
            raise InvalidInput("invalid_profile_days", f"1 to {MAX_PROFILE_DAYS} days", field=field)
    return replace(bank, rejects_before_booking=rejects_before_booking, news_days=news_days, debit_days=debit_days)


def new_link(link: BankAccount) -> BankAccount:
    """The account at a bank, its IBAN (or number) compact and its currency one there is.

    Raises InvalidInput `invalid_iban`, `invalid_account`, `unknown_currency`.
    """
    exponent(link.currency)
    number = compact(link.iban)
    if _LIKE_IBAN.match(number):
        return replace(link, iban=check_iban(number, field="iban"))
    _check_text(number, most=MOST_ACCOUNT, field="iban", code="invalid_account")
    return replace(link, iban=number)


def accounts_behind(link: BankAccount) -> tuple[Account, ...]:
    """The accounts in the books that a tenant needs to bank in a currency: the bank account, then the seven it shares.

    None but payouts in transit and claims has a floor: what a bank says has happened is booked, whatever the balance.
    """
    tenant, currency = link.tenant_id, link.currency
    bank = purpose_account(tenant, Purpose.BANK, currency, name=f"Bank {link.iban}", owner=link.iban, floor=None)
    shared = (
        (Purpose.SUSPENSE, "Suspense", None),
        (Purpose.PAYOUTS_IN_TRANSIT, "Payouts in transit", 0),
        (Purpose.FEE_INCOME, "Fee income", None),
        (Purpose.INTEREST_INCOME, "Interest income", None),
        (Purpose.BANK_CHARGES, "Bank charges", None),
        (Purpose.CLAIMS, "Claims", 0),
        (Purpose.CLAIM_LOSSES, "Claim losses", None),
    )
    rest = (purpose_account(tenant, purpose, currency, name=name, floor=floor) for purpose, name, floor in shared)
    return bank, *rest


def party_account(tenant: str, party_id: str, currency: str, *, name: str) -> Account:
    """A party's own account in a currency: what we owe it, never below nothing."""
    return purpose_account(tenant, Purpose.PARTY, currency, name=name, owner=party_id)


def receive(expected: ExpectedPayment, amount: Money) -> ExpectedPayment:
    """The expected payment with more received. `amount` is positive and in its currency."""
    if amount.minor <= 0 or amount.currency != expected.currency:
        raise Defect(f"expected payment {expected.reference}: takes positive {expected.currency}")
    return replace(expected, received_minor=expected.received_minor + amount.minor)


def _check_text(text: str, *, most: int, field: str, code: str) -> None:
    """Printable, trimmed, not empty: what every bank's payment file can carry."""
    if not 1 <= len(text) <= most or text != text.strip() or not text.isprintable():
        raise InvalidInput(code, f"1 to {most} printable characters, none of them a space at an end", field=field)
