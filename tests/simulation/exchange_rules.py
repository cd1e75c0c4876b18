"""What the model knows of foreign exchange: with fractions, where the product has integers."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.simulation.books import LIMIT, MINUTE, Account, Body, Plan, Quote, Refused
from tests.simulation.entry_rules import EntryRules

DECIMALS = {"CNY": 2, "EUR": 2, "JPY": 0}
WEEK = 7 * 24 * 60 * MINUTE


class ExchangeRules(EntryRules):
    """Quotes, and exchanges under them."""

    def _fx_accounts(self, body: Body, now: int) -> Plan:
        currency = body["currency"]
        if self.fx.get(currency):
            raise Refused("fx_accounts_exist")

        def opened(told: dict[str, Any]) -> None:
            self.fx[currency] = (told["position_account_id"], told["result_account_id"])
            for name, kind in zip(self.fx[currency], ("equity", "income"), strict=True):
                self.accounts[name] = Account(kind, currency, None, None, deferred=False, ours=True)

        return Plan(then=[opened])

    def _shape_quote(self, body: Body, now: int) -> None:
        if body["sell"] == body["buy"]:
            raise Refused("same_currency")
        if not now < body["until"] <= now + WEEK:
            raise Refused("invalid_validity")

    def _quote(self, body: Body, now: int) -> Plan:
        terms = [body[name] for name in ("sell", "buy", "rate", "market", "until", "once")]
        return Plan(then=[lambda told: self.quotes.__setitem__(told["quote"], Quote(*terms))])

    def _shape_exchange(self, body: Body, now: int) -> None:
        if body["minor"] <= 0:
            raise Refused("amount_not_positive")
        if body["occurred"] is not None and body["occurred"] > now + MINUTE:
            raise Refused("occurred_in_future")

    def _exchange(self, body: Body, now: int) -> Plan:
        if body["quote"] not in self.quotes:
            raise Refused("quote_not_found")
        quote = self.quotes[body["quote"]]
        if now >= quote.until:
            raise Refused("quote_expired")
        if quote.once and quote.used:
            raise Refused("quote_used")
        sold, bought, market = self._deal(quote, body)
        if not (quote.sell in self.fx and quote.buy in self.fx):
            raise Refused("fx_account_missing")
        paying = self._side(body["from"], quote.sell)
        getting = self._side(body["to"], quote.buy)
        if paying.sign != getting.sign:
            raise Refused("accounts_on_two_sides")
        plan = self._entry_plan(self._exchanged(quote, body, (sold, bought, market), paying.sign), body, now)
        if quote.once:
            plan.then.append(lambda told: setattr(quote, "used", True))
        return plan

    def _exchanged(
        self, quote: Quote, body: Body, amounts: tuple[int, int, int], sign: int
    ) -> list[tuple[str, str, int, str]]:
        """The legs: the paying account goes down and the getting one up, against the positions."""
        lower, up = ("credit", "debit") if sign > 0 else ("debit", "credit")
        sold, bought, market = amounts
        (position, _), (other, result) = self.fx[quote.sell], self.fx[quote.buy]
        legs = [
            (body["from"], lower, sold, quote.sell),
            (position, up, sold, quote.sell),
            (body["to"], up, bought, quote.buy),
            (other, lower, market, quote.buy),
            (result, up if market > bought else lower, abs(market - bought), quote.buy),
        ]
        return [leg for leg in legs if leg[2]]

    def _deal(self, quote: Quote, body: Body) -> tuple[int, int, int]:
        """What is sold, what is bought, and what the market would give."""
        wanted = quote.sell if body["fixed"] == "sell" else quote.buy
        if body["currency"] != wanted:
            raise Refused("currency_mismatch")
        scale = Fraction(10) ** (DECIMALS[quote.buy] - DECIMALS[quote.sell])
        if body["fixed"] == "sell":
            sold, bought = body["minor"], floor(body["minor"] * Fraction(*quote.rate) * scale)
        else:
            sold, bought = ceil(body["minor"] / (Fraction(*quote.rate) * scale)), body["minor"]
        if max(sold, bought) > LIMIT:
            raise Refused("amount_too_large")
        if not bought:
            raise Refused("amount_too_small")
        market = bought if quote.market is None else round(sold * Fraction(*quote.market) * scale)
        if market > LIMIT:
            raise Refused("amount_too_large")
        return sold, bought, market

    def _side(self, account_id: str, currency: str) -> Account:
        account = self._account(account_id)
        if account.ours:
            raise Refused("account_controlled", account_id)
        if account.currency != currency:
            raise Refused("currency_mismatch", account_id)
        return account
