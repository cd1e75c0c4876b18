"""What a trade template says: the rules of one kind of deal, as data that a trader can read.

The words of `templates/*.toml` are the fields here. Quantities are whole thousandths of the template's unit, and so are
properties (moisture of 15.8 % is 15800 `milli`); ratios are basis points. Leaves to others: whether a template adds up
(`checking.py`), where templates are kept (`chalicelib.trades.templates`), what one deal makes of them (`terms.py`).
"""

from __future__ import annotations

from enum import Enum

from chalicelib.core.calendars import Convention
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.fees import Fee
from chalicelib.splits.domain.waterfall import ShareKind, Tier
from chalicelib.trades.domain.evidence import EvidenceKind

PER_MILLE = 1000


class Part(Enum):
    """What a role does with money: the buyer pays, the seller and other receivers are paid, a witness signs or decides
    and gets nothing, the marketplace keeps a fee for itself."""

    BUYER = "buyer"
    SELLER = "seller"
    RECEIVER = "receiver"
    WITNESS = "witness"
    MARKETPLACE = "marketplace"


class QuantityMode(Enum):
    """Which quantity is paid for: the agreed one, the one a document says, the weighed one where it differs by more
    than the tolerance, or what a meter counted."""

    AGREED = "agreed"
    DOCUMENT = "document"
    WEIGHED = "weighed"
    METERED = "metered"


class PriceMode(Enum):
    """Which unit price is paid: the agreed one, or a mean of index fixings plus the agreed premium: of the fixings in a
    window, of a whole month, or of the month that lies so many months after a document's (the quotation period)."""

    AGREED = "agreed"
    INDEX_AVERAGE = "index_average"
    MONTH_AVERAGE = "month_average"
    QUOTATION_PERIOD = "quotation_period"


class Unpublished(Enum):
    """What becomes of a day for which the index was not published, though its calendar does business: the average is
    refused, it is of the days that there are, or the fixing before it counts once more."""

    REFUSE = "refuse"
    OMIT = "omit"
    PREVIOUS = "previous"


class DeductionKind(Enum):
    """How a property found by the laboratory changes what is paid for.

    STEPS: each started `step_milli` over (or under) the standard takes `rate_bps`. LINEAR: each whole `step_milli`
    takes `rate_bps`, parts of it in proportion. DRY_MATTER: net = gross x (100 - found)/(100 - standard).
    PAYABLE_METAL: the metal that is paid for is the smaller of found x `rate_bps` and found less `unit_milli`. REJECT:
    beyond the standard nothing is settled.
    """

    STEPS = "steps"
    LINEAR = "linear"
    DRY_MATTER = "dry_matter"
    PAYABLE_METAL = "payable_metal"
    REJECT = "reject"


class Taken(Enum):
    """What a deduction takes from: the quantity, or the unit price."""

    QUANTITY = "quantity"
    PRICE = "price"


class Base(Enum):
    """What a deduction's rate is of: the quantity before any deduction, or what the deductions before it have left."""

    GROSS = "gross"
    NET = "net"


class Direction(Enum):
    """On which side of the standard a deduction bites."""

    OVER = "over"
    UNDER = "under"


class Beyond(Enum):
    """What happens to what lies beyond a tolerance: it is cut off, or the settlement is refused, or it counts."""

    CUT = "cut"
    REFUSE = "refuse"
    COUNT = "count"


class Ending(Enum):
    """What lets a milestone's money go: a final settlement of price and quantity, or a release of what was agreed."""

    FINAL_SETTLEMENT = "final_settlement"
    RELEASE = "release"


class DepositKind(Enum):
    """Forfeitable (earnest money: a buyer in default loses it, a seller in default owes it double; at most 20 % of the
    price, Civil Code of China, articles 586 and 587), or an advance that is returned whoever is in default."""

    FORFEITABLE = "forfeitable"
    REFUNDABLE = "refundable"


class Fault(Enum):
    """Who is in default when a trade ends early."""

    NONE = "none"
    BUYER = "buyer"
    SELLER = "seller"


class Stray(Enum):
    """What becomes of money that a trade cannot take: it waits in suspense for somebody to say, it goes back to the
    buyer, or (up to a tolerance) it is taken all the same."""

    HOLD = "hold"
    RETURN = "return"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Role:
    """A place in the deal. Every role but the marketplace's is taken by a party. `paid_in_price_currency`: where prices
    are in another currency than the trade, this role is paid in theirs."""

    name: str
    title: str
    part: Part
    paid_in_price_currency: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryRule:
    """How much more or less than agreed may be delivered, and what becomes of the rest: more is cut off, counts or is
    refused; less counts or is refused."""

    tolerance_bps: int
    over: Beyond = Beyond.CUT
    under: Beyond = Beyond.COUNT


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """`unit` is what the price is for (`t`). `document`: the kind of evidence whose quantity counts, or (weighed) the
    tolerance is measured from, instead of the agreed one. The final quantity is rounded, half to even, to a multiple
    of `rounded_to_milli`."""

    unit: str
    mode: QuantityMode = QuantityMode.AGREED
    document: EvidenceKind | None = None
    tolerance_per_mille: int = 0
    delivery: DeliveryRule | None = None
    rounded_to_milli: int = 1


@dataclass(frozen=True, slots=True)
class PriceRule:
    """How the unit price becomes final. Of a quotation period, `anchor` is the evidence whose month counts and
    `months_after` how many months later prices are averaged. `currencies`: prices are in one of these and not in the
    trade's; an exchange rate joins them. `whole_minor`: the final unit price is rounded to whole minor units.

    `quotation_calendar` names the days on which the index is published (empty: those of the deadlines); `unpublished`
    says what becomes of one on which it was not, by the document that has the fixings.
    """

    mode: PriceMode = PriceMode.AGREED
    anchor: EvidenceKind | None = None
    months_after: int = 0
    currencies: tuple[str, ...] = ()
    whole_minor: bool = False
    quotation_calendar: str = ""
    unpublished: Unpublished = Unpublished.REFUSE


@dataclass(frozen=True, slots=True)
class Deduction:
    """One rule of the deduction schedule, applied in the schedule's order. See DeductionKind for the fields' use.

    `rate_minor` is what a step takes of the unit price where that is an amount and no ratio. A step counts once it is
    begun, or (not `started`) once it is whole. No more than `most_milli` beyond the standard count (0: all of it). A
    rule that `adds` gives what another would take: the increment for grain that is drier than the standard.
    `rounded_to_milli`: the quantity is rounded, half to even, to a multiple of it after this rule (0: not here).
    """

    property: str
    kind: DeductionKind
    standard_milli: int = 0
    direction: Direction = Direction.OVER
    takes: Taken = Taken.QUANTITY
    base: Base = Base.GROSS
    step_milli: int = 1000
    rate_bps: int = 0
    rate_minor: int = 0
    unit_milli: int = 0
    most_milli: int = 0
    started: bool = True
    adds: bool = False
    rounded_to_milli: int = 0


@dataclass(frozen=True, slots=True)
class ShareRule:
    """A share of the split. A fixed one's amount, and the most a capped one gets where `cap_minor` is 0, are agreed
    deal by deal, by role. `role` "kept" stays in the escrow; a share with `shares` divides what it gets by those."""

    role: str
    kind: ShareKind
    bps: int = 0
    cap_minor: int = 0
    tiers: tuple[Tier, ...] = ()
    shares: tuple[ShareRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Milestone:
    """A point of the trade that lets escrow money go: `bps` of the price, or (0) all that is left but the retention.

    It is reached once the milestones in `after` are done, the evidence it `needs` is there, and `signatures` of its
    `signers` (0: all of them) have signed. Where signers are silent for `deemed_days` business days after all else is
    there (0: never), they are deemed to have accepted. `per_lot`: each lot reaches it by itself. `split` divides its
    money; where it is empty the template's does.
    """

    name: str
    needs: tuple[EvidenceKind, ...]
    ends_in: Ending
    title: str = ""
    bps: int = 0
    per_lot: bool = False
    after: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    signatures: int = 0
    deemed_days: int = 0
    split: tuple[ShareRule, ...] = ()


@dataclass(frozen=True, slots=True)
class DepositRule:
    """The part of the price that is paid first."""

    kind: DepositKind
    bps: int


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The part of the price that stays back for `days` after the last milestone, against defects. `convention`: where
    its last day goes that is no business day of the template's calendar."""

    bps: int
    days: int
    split: tuple[ShareRule, ...] = ()
    convention: Convention = Convention.NONE


@dataclass(frozen=True, slots=True)
class DisputeRule:
    """Which roles may dispute an amount, and which role decides."""

    by: tuple[str, ...]
    arbiter: str


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """Days after which a trade ends by itself (0: never; whole days where the template's calendar is), and who is in
    default then: a draft that nobody agrees to, an agreed trade that is not funded in full, a funded one whose
    milestones are not all reached."""

    draft_days: int = 0
    funding_days: int = 0
    performance_days: int = 0
    funding_fault: Fault = Fault.NONE
    performance_fault: Fault = Fault.NONE


@dataclass(frozen=True, slots=True)
class FundingRule:
    """What becomes of money that is too much or comes too late, and how far short or over a payment may be to be taken
    as exact. `top_up_days`: how long the buyer has for a difference before the deal's credit line is drawn on. What the
    bank takes back of a payment that was released already is carried by `reversal_carrier`, a role, until the buyer has
    paid it; by the marketplace where none is named."""

    over: Stray = Stray.HOLD
    late: Stray = Stray.HOLD
    over_tolerance_bps: int = 0
    short_tolerance_bps: int = 0
    top_up_days: int = 0
    reversal_carrier: str = ""


@dataclass(frozen=True, slots=True)
class SetOffRule:
    """That claims on a party may be set off against what a release pays it: those of the marketplace and of the buyer,
    once due, the oldest first, up to `max_bps` of it."""

    max_bps: int


@dataclass(frozen=True, slots=True)
class Template:
    """A version of a template. `calendar` names the business days that deadlines count (those of the price are its own
    rule's), and the zone in which days begin and end; `accepts` the documents that no
    milestone needs and that may be added all the same. `fees` are of the price; what
    the buyer bears of them comes on top of it."""

    id: str
    version: int
    title: str
    currencies: tuple[str, ...]
    quantity: QuantityRule
    price: PriceRule
    roles: tuple[Role, ...]
    milestones: tuple[Milestone, ...]
    split: tuple[ShareRule, ...]
    calendar: str = "weekdays"
    accepts: tuple[EvidenceKind, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    fees: tuple[Fee, ...] = ()
    deposit: DepositRule | None = None
    retention: RetentionRule | None = None
    dispute: DisputeRule | None = None
    expiry: ExpiryRule = ExpiryRule()
    funding: FundingRule = FundingRule()
    set_off: SetOffRule | None = None

    @property
    def quotation_calendar(self) -> str:
        """The calendar of the days on which prices are fixed."""
        return self.price.quotation_calendar or self.calendar

    def role_of(self, part: Part) -> str | None:
        """The first role with this part, or None."""
        return next((role.name for role in self.roles if role.part is part), None)

    @property
    def buyer(self) -> str:
        """The buyer's role."""
        return self.role_of(Part.BUYER) or ""

    @property
    def seller(self) -> str:
        """The seller's role."""
        return self.role_of(Part.SELLER) or ""

    @property
    def party_roles(self) -> tuple[str, ...]:
        """The roles that parties take."""
        return tuple(role.name for role in self.roles if role.part is not Part.MARKETPLACE)

    @property
    def fixed_roles(self) -> tuple[str, ...]:
        """The roles whose share, or the most of it, is an amount agreed deal by deal."""
        rules = (self.split, *(one.split for one in self.milestones), self.retention.split if self.retention else ())
        return tuple(dict.fromkeys(role for split in rules for role in _agreed_by_deal(split)))


def _agreed_by_deal(split: tuple[ShareRule, ...]) -> tuple[str, ...]:
    own = (
        rule.role
        for rule in split
        if rule.kind is ShareKind.FIXED or (rule.kind is ShareKind.CAPPED and not rule.cap_minor)
    )
    inner = (role for rule in split for role in _agreed_by_deal(rule.shares))
    return (*own, *inner)
