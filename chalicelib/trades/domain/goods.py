"""What is priced, the whole of a deal or one lot of it, and the documents that speak of it.

A lot is priced from its own documents. One of the whole stands in for a missing one of the lot where it says the same
of every lot: fixings, rates, a certificate, the day of shipping; but never for a quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.values import dataclass
from chalicelib.trades.domain.evidence import SHAPES, Document, Evidence, EvidenceKind, place
from chalicelib.trades.domain.terms import Lot, Terms

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Goods:
    """The goods of a deal, or of its `lot`: `agreed_milli` thousandths of the unit at `agreed_minor` for one unit."""

    terms: Terms
    evidence: tuple[Evidence, ...]
    agreed_milli: int
    agreed_minor: int
    lot: str = ""

    def piece(self, kind: EvidenceKind, *, of_whole: bool = False) -> Evidence:
        """The document of a kind; `of_whole`: one of the whole will do. Raises Conflict `evidence_missing`."""
        spots = (place(kind, self.lot), place(kind)) if of_whole else (place(kind, self.lot),)
        for spot in spots:
            for one in self.evidence:
                if one.place == spot:
                    return one
        facts = {"lot": self.lot} if self.lot else {}
        raise Conflict("evidence_missing", "the price cannot be computed without it", missing=[spots[0]], **facts)

    def paper(self, shape: type[D], *, of_whole: bool = False) -> tuple[str, D]:
        """The document of a shape, after the id of its evidence. Raises Conflict `evidence_missing`."""
        [kind] = (kind for kind, known in SHAPES.items() if known is shape)
        found = self.piece(kind, of_whole=of_whole)
        if not isinstance(found.document, shape):
            raise Defect(f"{found.evidence_id} is no {shape.__name__}")
        return found.evidence_id, found.document


def whole(terms: Terms, evidence: Sequence[Evidence]) -> Goods:
    """All goods of a deal without lots."""
    return Goods(terms, tuple(evidence), terms.quantity_milli, terms.unit_price_minor)


def of_lot(terms: Terms, lot: Lot, evidence: Sequence[Evidence]) -> Goods:
    """The goods of one lot, at its own price where it has one."""
    price = terms.unit_price_minor if lot.unit_price_minor is None else lot.unit_price_minor
    return Goods(terms, tuple(evidence), lot.quantity_milli, price, lot.name)
