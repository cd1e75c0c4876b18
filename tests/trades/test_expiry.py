"""A trade whose time is over, and was performed before it was."""

from __future__ import annotations

from functools import partial

from tests.trades.lives import Life, refusal_of
from tests.trades.papers import certificate, delivery_note
from tests.trades.works import WORKS


def test_what_was_performed_in_time_and_not_released_does_not_end_by_itself() -> None:
    life = Life(WORKS).funded().give(delivery_note(), certificate()).later(400)

    refusal = refusal_of(partial(Life.expire, life))

    assert (refusal.code, refusal.facts["milestone"]) == ("milestone_reached", "start")


def test_what_was_set_aside_is_released_by_hand_as_if_in_time() -> None:
    life = Life(WORKS).funded().give(delivery_note(), certificate()).later(400)
    life.pass_time()
    assert life.due() is None

    released = life.release("start").released

    assert released.minor > 0


def test_a_milestone_that_still_misses_a_document_ends_with_the_trade() -> None:
    life = Life(WORKS).funded().give(certificate()).later(400)

    back = life.expire().refund

    assert back.minor == life.trade.funded_minor
