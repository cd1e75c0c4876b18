"""What splits take and show over HTTP. A share says who gets it by `account_id`, is `kept`, or is divided in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from chalicelib.core.errors import InvalidInput, about
from chalicelib.splits.domain.fees import SplitFee
from chalicelib.splits.domain.split import OpenSplit
from chalicelib.splits.domain.waterfall import KEPT, Portion, Share, ShareKind, Tier, Waterfall
from chalicelib.splits.service.splitting import Preview
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText

MOST_IN_A_PAGE = 2_000
"""Receivers that one request may add: as many divisions, and the split, fit into one commit."""

WHOLE = Waterfall((Share(KEPT, ShareKind.REMAINDER),))
"""The waterfall of who names no shares: all of it is kept."""


class TierBody(Body):
    """The part of the amount above the tier before, up to `up_to_minor` (the last tier: without end), pays `bps`."""

    bps: int
    up_to_minor: int | None = None


class InnermostShareBody(Body):
    """What an account gets, or what is `kept`: `minor` units if fixed, `bps` basis points of the whole, at most `minor`
    if capped (without `bps`: of all that is there), by `tiers`, or the remainder."""

    kind: Literal["fixed", "bps", "capped", "tiered", "remainder"]
    account_id: Id | None = None
    kept: bool = False
    minor: int = 0
    bps: int = 0
    tiers: list[TierBody] = msgspec.field(default_factory=list)


class InnerShareBody(InnermostShareBody):
    """As `InnermostShareBody`; or a share that `shares` divide, with a `name` or without."""

    name: ShortText | None = None
    shares: list[InnermostShareBody] = msgspec.field(default_factory=list)


class ShareBody(InnermostShareBody):
    """As `InnermostShareBody`; or a share that `shares` divide, with a `name` or without."""

    name: ShortText | None = None
    shares: list[InnerShareBody] = msgspec.field(default_factory=list)


class SplitFeeBody(Body):
    """A fee of `minor` units and `bps` of the amount for an account: out of the share of the account `borne_by`, or
    from the source on top of the amount."""

    account_id: Id
    minor: int = 0
    bps: int = 0
    borne_by: Id | None = None


class SplitPreviewBody(Body):
    """An amount and how it would be divided. Without shares all of it would be kept."""

    amount: MoneyBody
    shares: list[ShareBody] = msgspec.field(default_factory=list)
    fees: list[SplitFeeBody] = msgspec.field(default_factory=list)

    @property
    def waterfall(self) -> Waterfall:
        """The waterfall it asks for."""
        return waterfall_of(self.shares) if self.shares else WHOLE


class SplitBody(SplitPreviewBody, kw_only=True):
    """An amount that is taken from an account and divided. What is kept, without shares all of it, is held."""

    source_account_id: Id
    reference: ShortText | None = None

    @property
    def command(self) -> OpenSplit:
        """The command it asks for."""
        fees = fees_of(self.fees)
        return OpenSplit(self.source_account_id, self.amount.money, self.waterfall, fees, self.reference)


class SplitDivisionBody(Body):
    """How what is held (or an amount of it) is divided."""

    shares: list[ShareBody]
    amount: MoneyBody | None = None


class SplitReceiverBody(Body):
    """An account and what it gets."""

    account_id: Id
    minor: int


class SplitReceiversBody(Body):
    """Up to 2,000 receivers, paid out of what is held."""

    receivers: Annotated[list[SplitReceiverBody], msgspec.Meta(min_length=1, max_length=MOST_IN_A_PAGE)]


class SplitRefundBody(Body):
    """An amount that those whom a division paid (or those of `account_ids` alone) give back, by what each has left."""

    amount: MoneyBody
    division: int = 1
    account_ids: list[Id] = msgspec.field(default_factory=list)


class SplitReturnBody(Body):
    """What is held, or an amount of it."""

    amount: MoneyBody | None = None


class SplitView(msgspec.Struct, frozen=True):
    """A split in minor units: amount = held + paid + fees + returned. `on_top_minor` came from the source as well, for
    fees. Of what is held `planned_minor` waits for receivers; of what was paid `refunded_minor` has come back. A split
    that is `distributing` pays receivers, an `open` one holds something, a `closed` one nothing."""

    split_id: str
    state: str
    source_account_id: str
    clearing_account_id: str | None
    currency: str
    amount_minor: int
    on_top_minor: int
    fees_minor: int
    held_minor: int
    planned_minor: int
    paid_minor: int
    refunded_minor: int
    returned_minor: int
    receivers: int
    divisions: int
    paid_divisions: int
    reference: str | None
    opened_at: str


class SplitPage(msgspec.Struct, frozen=True):
    """One page of splits."""

    splits: list[SplitView]
    next_cursor: str | None


class SplitShareView(msgspec.Struct, frozen=True):
    """What an account gets."""

    account_id: str
    minor: int


class SplitLineView(msgspec.Struct, frozen=True):
    """A step of the waterfall: what a share (of an account, a named group, or `kept`) of `whole_minor` came to, before
    fees."""

    share: str
    kind: str
    whole_minor: int
    minor: int


class SplitPreviewView(msgspec.Struct, frozen=True):
    """How an amount would be divided: `shares` after fees, what is kept, who gets fees, what comes on top."""

    currency: str
    amount_minor: int
    on_top_minor: int
    kept_minor: int
    shares: list[SplitShareView]
    fees: list[SplitShareView]
    lines: list[SplitLineView]


class SplitDividedView(msgspec.Struct, frozen=True):
    """A split after some of it was divided, by the entry `entry_id`. `division` is its number (null: all is kept)."""

    entry_id: str
    division: int | None
    kept_minor: int
    shares: list[SplitShareView]
    fees: list[SplitShareView]
    split: SplitView


class SplitReceiversView(msgspec.Struct, frozen=True):
    """A split with the receivers that were added: so many, who get so much in all, by these divisions."""

    entry_id: str
    first_division: int
    last_division: int
    added: int
    added_minor: int
    split: SplitView


class SplitRefundView(msgspec.Struct, frozen=True):
    """A split after a refund, and what each account gave back."""

    entry_id: str
    division: int
    given_back: list[SplitShareView]
    split: SplitView


class SplitReturnView(msgspec.Struct, frozen=True):
    """A split after `minor` units of what it held went back to its source."""

    entry_id: str
    minor: int
    split: SplitView


class SplitReceiverView(msgspec.Struct, frozen=True):
    """What an account gets by a division (`minor`) and has given back of it. `refused`: why it could not be paid."""

    account_id: str
    minor: int
    back_minor: int
    refused: str | None


class SplitDivisionView(msgspec.Struct, frozen=True):
    """A division of a split; one that is not `paid` waits."""

    division: int
    paid: bool
    receivers: list[SplitReceiverView]


class SplitDivisionPage(msgspec.Struct, frozen=True):
    """One page of a split's divisions by number."""

    divisions: list[SplitDivisionView]
    next_cursor: str | None


def waterfall_of(shares: Sequence[ShareBody]) -> Waterfall:
    """The waterfall of a body's shares. Raises what `Share` and `Waterfall` raise."""
    return Waterfall(_shares(shares))


def fees_of(fees: Sequence[SplitFeeBody]) -> tuple[SplitFee, ...]:
    """The fees of a body. Raises InvalidInput `fee_invalid`."""
    found: list[SplitFee] = []
    for i, fee in enumerate(fees):
        with about("fees", i):
            found.append(SplitFee(fee.account_id, fee.minor, fee.bps, fee.borne_by or ""))
    return tuple(found)


def preview_view(preview: Preview) -> SplitPreviewView:
    """How an amount would be divided, as it is shown."""
    whole, borne = preview.steps[0].whole, preview.borne
    shares = {account_id: part.minor for account_id, part in borne.shares}
    return SplitPreviewView(
        currency=whole.currency,
        amount_minor=whole.minor,
        on_top_minor=borne.on_top.minor,
        kept_minor=shares.pop(KEPT, 0),
        shares=share_views(shares),
        fees=share_views({account_id: part.minor for account_id, part in borne.fees}),
        lines=[_line_view(step) for step in preview.steps],
    )


def share_views(shares: Mapping[str, int]) -> list[SplitShareView]:
    """What each account gets or gives, but for what is kept."""
    return [SplitShareView(account_id, minor) for account_id, minor in shares.items() if account_id != KEPT]


def _line_view(step: Portion) -> SplitLineView:
    return SplitLineView(step.share.role, step.share.kind.value, step.whole.minor, step.amount.minor)


def _shares(bodies: Sequence[Any]) -> tuple[Share, ...]:
    found: list[Share] = []
    for i, body in enumerate(bodies):
        with about("shares", i):
            found.append(_share(body))
    return tuple(found)


def _share(body: Any) -> Share:
    """A share of any level: of an account, kept, or a group. It is exactly one of these."""
    inner = getattr(body, "shares", ())
    if (body.account_id is not None) + body.kept + bool(inner) != 1 or body.account_id == KEPT:
        raise InvalidInput("share_invalid", "a share is of an account_id, kept, or divided by shares of its own")
    name = KEPT if body.kept else body.account_id or getattr(body, "name", None) or ""
    tiers = tuple(Tier(tier.up_to_minor, tier.bps) for tier in body.tiers)
    return Share(name, ShareKind(body.kind), body.minor, body.bps, tiers, _shares(inner))
