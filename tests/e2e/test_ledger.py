"""A fortnight in a wholesaler's books, told to the deployed ledger: every kind of command, then every way to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.ledger import BOUGHT, batch_body, open_ledger, wait_until_listed
from tests.e2e.market import Market, money, wait_for
from tests.e2e.problems import assert_problem

HELD, FIRST_PART, LAST_PART = 400, 150, 100
DEPOSITS = (1000, 500)
TAKEN_BACK = 200


@dataclass
class Told:
    """The market after the story, what was answered on the way, and an instant in the middle of it."""

    market: Market
    replies: dict[str, Any] = field(default_factory=dict)
    middle: str = ""

    def account(self, name: str) -> dict[str, Any]:
        """An account as it is now."""
        return dict(self.market.web.read(f"/v1/accounts/{self.market.ids[name]}"))


@pytest.fixture(scope="module")
def told(new_market: Callable[..., Market]) -> Told:
    """Deposits in a batch, a hold captured in parts, a mistake taken back, an exchange, and what is left swept up."""
    story = Told(new_market())
    market, web, replies = story.market, story.market.web, story.replies
    open_ledger(market)
    ids = market.ids
    customer = {"name": "customer", "kind": "liability", "currency": "CNY", "floor_minor": 0}
    ids["customer"] = web.made("/v1/accounts", customer | {"labels": {"desk": "steel"}})["account_id"]
    replies["batch"] = web.made("/v1/entries/batch", _deposits(ids))
    replies["hold"] = web.made("/v1/holds", _pair(ids, "customer", "stake") | {"amount": money(HELD)})
    captures = f"/v1/holds/{replies['hold']['hold_id']}/captures"
    replies["part"] = web.made(captures, {"amount": money(FIRST_PART), "close": False})
    story.middle = replies["part"]["recorded_at"]
    replies["rest"] = web.made(captures, {"amount": money(LAST_PART)})
    replies["mistake"] = web.made("/v1/transfers", _pair(ids, "customer", "stake") | {"amount": money(300)})
    path = f"/v1/entries/{replies['mistake']['entry_id']}/reversals"
    back = [_leg(ids, "stake", "debit", TAKEN_BACK), _leg(ids, "customer", "credit", TAKEN_BACK)]
    replies["reversal"] = web.made(path, {"postings": back})
    order = {"from_account_id": ids["till"], "to_account_id": ids["euros"], "sell": money(1000)}
    replies["exchange"] = web.made(f"/v1/fx-quotes/{ids['quote_id']}/exchanges", order)
    swept = _pair(ids, "customer", "stake") | {"amount": money(10_000), "up_to": True}
    replies["swept"] = web.made("/v1/transfers", swept)
    wait_until_listed(market, replies["hold"]["hold_id"])
    wait_for("the lines", lambda: web.read(f"/v1/accounts/{ids['customer']}/history")["complete"])
    return story


def _pair(ids: dict[str, str], debited: str, credited: str) -> dict[str, Any]:
    return {"debit_account_id": ids[debited], "credit_account_id": ids[credited]}


def _leg(ids: dict[str, str], name: str, side: str, minor: int) -> dict[str, Any]:
    return {"account_id": ids[name], "side": side, "amount": money(minor)}


def _deposits(ids: dict[str, str]) -> dict[str, Any]:
    """Two deposits, the second only if the first is there."""
    first, second = (
        {
            "idempotency_key": f"deposit-{minor}",
            "postings": [_leg(ids, "till", "debit", minor), _leg(ids, "customer", "credit", minor)],
        }
        for minor in DEPOSITS
    )
    condition = {"account_id": ids["customer"], "exactly_minor": DEPOSITS[0]}
    return {"entries": [first, second | {"conditions": [condition]}]}


def test_a_hold_books_its_parts_and_lets_go_of_the_rest(told: Told) -> None:
    hold = told.market.web.read(f"/v1/holds/{told.replies['hold']['hold_id']}")

    assert (hold["status"], hold["captured_minor"]) == ("captured", FIRST_PART + LAST_PART)
    assert hold["released_minor"] == HELD - FIRST_PART - LAST_PART
    assert told.replies["part"]["remaining_minor"] == HELD - FIRST_PART


def test_what_is_there_and_no_more_is_moved(told: Told) -> None:
    left = sum(DEPOSITS) - FIRST_PART - LAST_PART - 300 + TAKEN_BACK

    assert [leg["minor"] for leg in told.replies["swept"]["postings"]] == [left, left]
    customer = told.account("customer")
    assert (customer["balance_minor"], customer["held_out_minor"], customer["available_minor"]) == (0, 0, 0)


def test_an_entry_says_what_of_it_is_taken_back(told: Told) -> None:
    path = f"/v1/entries/{told.replies['mistake']['entry_id']}/reversals"
    reversals = told.market.web.read(path)

    assert reversals["reversal_ids"] == [told.replies["reversal"]["entry_id"]]
    assert {leg["minor"] for leg in reversals["remaining"]} == {300 - TAKEN_BACK}
    too_much = [_leg(told.market.ids, "stake", "debit", 101), _leg(told.market.ids, "customer", "credit", 101)]
    assert_problem(told.market.web.post(path, {"postings": too_much}), 409, "reversal_exceeds_entry")


def test_an_exchange_balances_in_each_currency_through_the_positions(told: Told) -> None:
    exchange = told.replies["exchange"]
    positions = told.market.web.read("/v1/fx-positions")["positions"]

    assert (exchange["sold"], exchange["bought"]) == (money(1000), {"minor": 128, "currency": BOUGHT})
    assert {one["currency"]: one["position_minor"] for one in positions} == {"CNY": -1000, BOUGHT: 128}
    assert told.account("euros")["balance_minor"] == 128
    assert told.market.is_balanced()


def test_a_condition_that_is_not_met_and_a_bad_entry_in_a_batch_book_nothing(told: Told) -> None:
    web, ids = told.market.web, told.market.ids
    condition = {"account_id": ids["customer"], "at_least_minor": 1}
    body = _pair(ids, "till", "stake") | {"amount": money(5)}
    before = told.account("till")["version"]

    refused = web.post("/v1/transfers", body | {"conditions": [condition]})
    batch = batch_body(ids, "half")
    batch["entries"][1]["postings"][0]["amount"]["minor"] += 1
    unbalanced = web.post("/v1/entries/batch", batch)

    assert_problem(refused, 409, "condition_not_met")
    assert_problem(unbalanced, 400, "unbalanced")
    assert unbalanced.json["index"] == 1
    assert told.account("till")["version"] == before


def test_the_history_is_one_chain_that_runs_to_the_balance(told: Told) -> None:
    history = told.market.web.read(f"/v1/accounts/{told.market.ids['customer']}/history?order=oldest")
    lines = history["lines"]

    assert history["complete"]
    assert [line["version"] for line in lines] == list(range(1, told.account("customer")["version"] + 1))
    assert all(line["hash"] and not line["refilled"] for line in lines)
    assert [line["amount_minor"] for line in lines[:2]] == list(DEPOSITS)
    assert sum(line["held_minor"] for line in lines) == 0
    assert lines[-1]["balance_minor"] == sum(line["amount_minor"] for line in lines) == 0


@pytest.mark.parametrize("clock", ["recorded", "occurred"])
def test_a_balance_is_told_as_of_any_instant_by_either_clock(told: Told, clock: str) -> None:
    path = f"/v1/accounts/{told.market.ids['customer']}/balance"
    before = (datetime.fromisoformat(told.middle) - timedelta(days=1)).isoformat().replace("+00:00", "Z")

    then = told.market.web.read(f"{path}?clock={clock}&at={told.middle}")
    earlier = told.market.web.read(f"{path}?clock={clock}&at={before}")

    assert then["balance_minor"] == sum(DEPOSITS) - FIRST_PART
    assert (earlier["balance_minor"], earlier["final"]) == (0, clock == "recorded")


def test_a_statement_opens_with_what_was_and_closes_with_what_its_lines_come_to(told: Told) -> None:
    path = f"/v1/accounts/{told.market.ids['customer']}/statement?from={told.middle}"

    statement = told.market.web.read(path)

    moved = sum(line["amount_minor"] for line in statement["lines"])
    assert statement["opening_minor"] + moved == statement["closing_minor"] == 0
    assert statement["credits_minor"] - statement["debits_minor"] == moved


def test_the_feed_tells_every_entry_by_number_without_a_gap(told: Told) -> None:
    entry_ids = [reply["entry_id"] for name, reply in told.replies.items() if name != "batch"]
    entry_ids += [entry["entry_id"] for entry in told.replies["batch"]["entries"]]

    def followed() -> list[Any] | None:
        entries = told.market.web.read("/v1/feed?limit=100")["entries"]
        return entries if set(entry_ids) <= {entry["entry_id"] for entry in entries} else None

    entries = wait_for("the feed", followed)

    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))


def test_accounts_are_found_by_their_labels(told: Told) -> None:
    found = told.market.listed("/v1/accounts?label=desk:steel&kind=liability", "accounts")

    assert [account["account_id"] for account in found] == [told.market.ids["customer"]]


def test_closed_books_take_nothing_more_of_that_time(told: Told) -> None:
    web, ids = told.market.web, told.market.ids
    web.made(f"/v1/accounts/{ids['stake']}/closed-period", {"closed_until": told.middle})
    body = _pair(ids, "till", "stake") | {"amount": money(1)}

    assert_problem(web.post("/v1/transfers", body | {"occurred_at": told.middle}), 409, "period_closed")
    assert web.post("/v1/transfers", body).status == 201


def test_a_frozen_account_takes_nothing_until_it_is_thawed(told: Told) -> None:
    web, ids = told.market.web, told.market.ids
    body = _pair(ids, "till", "stake") | {"amount": money(1)}

    web.made(f"/v1/accounts/{ids['stake']}/freeze", {"reason": "an order"})
    refused = web.post("/v1/transfers", body)
    web.made(f"/v1/accounts/{ids['stake']}/unfreeze", {})

    assert_problem(refused, 409, "account_frozen")
    assert web.post("/v1/transfers", body).status == 201
