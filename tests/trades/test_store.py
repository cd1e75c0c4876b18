"""Trades as they are kept: evidence of every kind comes back as it was given, to a trade of any template."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.ledger.exchange import Rate
from chalicelib.storage.commit import commit
from chalicelib.trades.domain.evidence import Evidence, EvidenceKind, Finding, digest, kind_of
from chalicelib.trades.domain.opening import MOST_LOTS
from chalicelib.trades.domain.terms import Lot
from chalicelib.trades.service.evidence import RecordEvidence, record_evidence
from chalicelib.trades.service.questions import get_trade
from chalicelib.trades.store import MOST_EVIDENCE, save_evidence
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.trades.papers import certificate, index_fixings, meter_reading, one_of_each, weight_note
from tests.trades.sketches import AGREED, DEAL
from tests.trades.stored import stored


@pytest.fixture(autouse=True)
def _books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


def test_every_kind_of_document_comes_back_as_it_was_given() -> None:
    template = replace(AGREED, price=replace(AGREED.price, currencies=("USD",)), accepts=tuple(EvidenceKind))
    deal = replace(DEAL, price_currency="USD", rate=Rate(7, 1), lots=(Lot("A1", DEAL.quantity_milli),))
    _, trade = stored(deal, template)
    in_unit = {
        EvidenceKind.METER_READING: meter_reading(unit="t"),
        EvidenceKind.INDEX_FIXINGS: index_fixings(currency="USD"),
    }
    given = [*(in_unit.get(kind_of(document), document) for document in one_of_each()), weight_note(lot="A1")]

    for document in given:
        record_evidence(call(), RecordEvidence(trade.trade_id, document))

    file = get_trade(TENANT, trade.trade_id)
    assert [piece.document for piece in file.evidence] == given
    assert [piece.sha256 for piece in file.evidence] == [digest(document) for document in given]
    assert set(file.trade.evidence) == {piece.place for piece in file.evidence}
    assert file.trade.recalled == ("A1",)


def test_evidence_has_room_up_to_a_size_and_is_refused_beyond_it() -> None:
    """An item of 400 KB could not be written, whatever was in it."""
    names = [f"{i:02d}".ljust(140, "x") for i in range(30)]
    findings = tuple(Finding(name, 10**27) for name in names)
    papers = [replace(certificate(lot=f"LOT-{i}"), findings=findings) for i in range(MOST_LOTS + 10)]
    pieces = tuple(Evidence(f"evd_{i}", digest(one), "cli_test", MONDAY, one) for i, one in enumerate(papers))
    _, trade = stored()
    fits = pieces[:55]

    commit([save_evidence(TENANT, trade.trade_id, fits, version=1)])

    assert get_trade(TENANT, trade.trade_id).evidence == fits
    with pytest.raises(Conflict) as refused:
        save_evidence(TENANT, trade.trade_id, pieces, version=2)
    assert (refused.value.code, refused.value.facts["maximum"]) == ("evidence_too_much", MOST_EVIDENCE)
