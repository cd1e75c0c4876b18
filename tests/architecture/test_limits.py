"""Every limit is of one request, one thing, one run or one installation: nothing is limited over a tenant's whole life.

A new limit is named here with what it is of and why it ends nothing, or the test fails.
"""

from __future__ import annotations

import ast
import re

from tests.architecture.code import modules

LIMIT = re.compile(r"(MOST|MAX|LEAST)(_[A-Z]+)*|[A-Z]+_A_NIGHT|[A-Z]+_AT_ONCE")

REQUEST = "one request, message or page"
THING = "one account, entry, hold, key, trade, line, split or window, as its terms say"
RUN = "one run or one step of it: the next goes on"
PROCESS = "what one process remembers"
INSTALLATION = "all tenants together, refused loudly"

LIMITS = {
    "access/routes.py": {"MOST_FORM": REQUEST},
    "banking/callbacks.py": {"MOST_BYTES": REQUEST},
    "banking/domain.py": {
        "MOST_ACCOUNT": THING,
        "MOST_ROLES": THING,
        "MOST_NAME": THING,
        "MOST_TEXT": THING,
        "MAX_PROFILE_DAYS": THING,
    },
    "banking/payout_decisions.py": {"MAX_RESENDS": THING},
    "banking/payouts.py": {"MAX_ATTEMPTS": THING},
    "banking/payout_schedules.py": {"MAX_DELAY_DAYS": THING, "MAX_CURRENCIES": THING},
    "banking/schedule_routes.py": {"MAX_NAME": REQUEST},
    "banking/references.py": {"MOST_REFERENCE": THING},
    "banking/store.py": {"MOST_ACCOUNT_TEXT": REQUEST},
    "core/calendars.py": {"MOST_CENTRES": THING, "MOST_DAYS": REQUEST},
    "core/call.py": {"MOST_KEY": REQUEST},
    "core/money.py": {"MAX_MINOR": THING},
    "credit/domain.py": {"MOST_RATE_BPS": THING, "MAX_BACKDATING_DAYS": REQUEST},
    "credit/history.py": {"MAX_LATER_EVENTS": REQUEST},
    "credit/service.py": {"MOST_DAYS": RUN},
    "credit/worker.py": {"MOST_SECONDS": RUN},
    "ledger/account_life.py": {"MOST_LABELS": THING, "MOST_VALUE": THING, "MOST_LABEL_BYTES": THING},
    "ledger/checkpoints.py": {"MOST_ENTRIES": RUN, "MOST_CHARACTERS": THING},
    "ledger/conditions.py": {"MOST_CONDITIONS": REQUEST, "MOST_ITEMS": REQUEST},
    "ledger/deferred.py": {"MOST_ACCOUNTS": RUN},
    "ledger/domain.py": {"LEAST_POSTINGS": THING, "MOST_POSTINGS": THING},
    "ledger/exchange.py": {"MOST_RATE": THING},
    "ledger/expiring.py": {"MOST_AT_ONCE": REQUEST, "MOST_ACCOUNTS": REQUEST},
    "ledger/holds.py": {"MOST_AHEAD": THING, "MOST_IN_GROUP": REQUEST},
    "ledger/metadata.py": {"MOST_PAIRS": THING, "MOST_VALUE": THING, "MOST_BYTES": THING},
    "ledger/movements.py": {"MOST_DAYS_APART": THING, "LEAST_COMMON_DIGITS": THING},
    "ledger/reversals.py": {"MOST_REVERSALS": THING},
    "ledger/routes/batches.py": {"MOST_BYTES": REQUEST},
    "ledger/routes/checkpoints.py": {"MOST_DIGITS": REQUEST},
    "ledger/service/checkpoints.py": {"MOST_PAGES": INSTALLATION, "MOST_MORE": RUN},
    "ledger/service/deferred.py": {"MOST_ROUNDS": RUN, "MOST_LIST_PAGES": INSTALLATION},
    "ledger/service/holds.py": {"MOST_PAGES": REQUEST, "MOST_DUE": RUN},
    "ledger/service/projection.py": {"PAGES_AT_ONCE": RUN, "MOST_PAGES": RUN},
    "ledger/service/proving.py": {"MOST_PAGES": INSTALLATION},
    "ledger/service/proving_nightly.py": {"MOST_PIECES": RUN, "MOST_SCAN_PAGES": RUN},
    "ledger/service/proving_older.py": {"CHECKPOINTS_A_NIGHT": RUN, "ACCOUNTS_A_NIGHT": RUN, "LINES_AT_ONCE": RUN},
    "ledger/service/totals.py": {
        "MOST_BLOCKS": RUN,
        "MOST_TAIL": REQUEST,
        "MOST_IN_A_MINUTE": REQUEST,
        "MOST_PAGES": INSTALLATION,
    },
    "ledger/service/trial.py": {"MOST_SHOWN": REQUEST},
    "ledger/store/accounts.py": {"MOST_PAGES": REQUEST},
    "ledger/store/deferred.py": {"MOST_COPIES": PROCESS},
    "ledger/store/feed.py": {"MOST_AT_ONCE": RUN},
    "ledger/store/folding.py": {"MOST_ENTRIES": RUN},
    "ledger/store/history.py": {"MOST_PROBES": REQUEST, "MOST_PORTIONS": REQUEST},
    "ledger/store/movements.py": {
        "MOST_OF_REFERENCE": REQUEST,
        "MOST_PAGES": REQUEST,
        "MOST_REMEMBERED": PROCESS,
    },
    "ledger/store/proving.py": {"MOST_PAGES": RUN},
    "ledger/store/totals.py": {"MOST_KINDS": PROCESS},
    "ledger/verify.py": {"MOST_BYTES": REQUEST},
    "ledger/worker/prove.py": {"MOST_SECONDS": RUN, "MOST_TOLD": RUN},
    "ledger/worker/sweep.py": {"MOST_SECONDS": RUN, "MOST_SECONDS_IN_ALL": RUN},
    "messages/camt.py": {"MAX_DETAILS": REQUEST, "MAX_STATEMENTS": REQUEST, "MAX_ENTRIES": REQUEST},
    "messages/pain001.py": {
        "MAX_ID": THING,
        "MAX_PAYOUTS": REQUEST,
        "MAX_DIGITS": THING,
        "MAX_REMITTANCE": THING,
        "MAX_NAME": THING,
        "MAX_ACCOUNT": THING,
    },
    "messages/strict_json.py": {"MAX_ITEMS": REQUEST, "MAX_BYTES": REQUEST, "MAX_TEXT": REQUEST, "MAX_DIGITS": REQUEST},
    "messages/values.py": {"MAX_AMOUNT_TEXT": REQUEST, "MOST_CHARACTERS": THING, "LEAST_ALIKE": THING},
    "messages/xml.py": {
        "MAX_DEPTH": REQUEST,
        "MAX_HEAD_ELEMENTS": REQUEST,
        "MAX_ELEMENTS": REQUEST,
        "MAX_TEXT": REQUEST,
        "MAX_ATTRIBUTES": REQUEST,
        "MAX_BYTES": REQUEST,
        "MAX_HEAD_BYTES": REQUEST,
        "MAX_NAMESPACE": REQUEST,
    },
    "queues/send.py": {"MOST_BYTES": REQUEST},
    "queues/worker.py": {"MOST_RECEIVES": REQUEST, "MOST_FRAMES": REQUEST, "MOST_ALONE_SECONDS": RUN},
    "recon/beancount.py": {"MOST_NAME": THING},
    "recon/domain.py": {"MOST_COMMENT": THING, "MOST_DESCRIPTION": THING, "MOST_REFERENCE": THING},
    "recon/formats.py": {"MOST_BYTES": REQUEST, "MOST_LINES": REQUEST, "MOST_STATEMENTS": REQUEST},
    "recon/service/corrections.py": {"MOST_ADDED": REQUEST},
    "recon/service/following.py": {"MOST_TURNS": RUN},
    "recon/service/assigning.py": {"MOST_NOTED": RUN},
    "recon/service/uploads.py": {"MOST_AT_ONCE": REQUEST, "MOST_READ_SECONDS": REQUEST, "MOST_REFUSED": REQUEST},
    "recon/store/__init__.py": {"MOST_PAGES": REQUEST},
    "security/checkpoint_key.py": {"MOST_BYTES": THING},
    "security/sealing.py": {"MOST_BYTES": THING},
    "security/signing.py": {"MOST_CHARACTERS": REQUEST, "MOST_MESSAGE_ID": REQUEST},
    "settlement/domain/netting.py": {"MOST_AT_ONCE": REQUEST, "MOST_PARTIES": THING, "MOST_MINOR": THING},
    "settlement/domain/receipts.py": {"MAX_ALLOCATIONS": THING},
    "settlement/routes/dividing.py": {"MOST_PARTS": REQUEST},
    "settlement/routes/netting.py": {"MOST_BYTES": REQUEST},
    "settlement/service/dividing.py": {"MOST_LINES": REQUEST},
    "settlement/service/netting.py": {
        "MOST_STEPS": RUN,
        "OPENED_AT_ONCE": RUN,
        "SUMMED_AT_ONCE": RUN,
        "MOST_RESTARTS": RUN,
    },
    "settlement/service/placements.py": {"MAX_RECEIPTS": THING},
    "settlement/service/repayments.py": {"MAX_FORWARD_DAYS": REQUEST},
    "settlement/service/undone.py": {"MAX_FEED_PAGES": RUN, "MAX_WAITING_PAGES": RUN},
    "settlement/store/expected.py": {"MOST_REFERENCES": REQUEST},
    "settlement/store/set_offs.py": {"MAX_CLAIMS": REQUEST, "MAX_PAGES": REQUEST},
    "settlement/store/receipts.py": {"MAX_ALIKE": REQUEST},
    "settlement/worker/bank_messages.py": {"MOST_READ_SECONDS": REQUEST, "MOST_SHARE_SECONDS": RUN},
    "settlement/worker/due.py": {"MOST_SECONDS": RUN, "MOST_ACTS": RUN, "MOST_ROUNDS": RUN},
    "settlement/worker/operating.py": {"MOST_LISTED": REQUEST},
    "settlement/worker/pieces.py": {"MAX_ITEMS": RUN},
    "splits/domain/fees.py": {"MOST_FEES": THING},
    "splits/domain/split.py": {"MOST_RECEIVERS": THING},
    "splits/domain/waterfall.py": {"MOST_SHARES": THING, "MOST_TIERS": THING, "MOST_LEVELS": THING},
    "splits/routes.py": {"MOST_BYTES": REQUEST},
    "splits/service/distributing.py": {"MOST_AT_ONCE": RUN},
    "splits/views.py": {"MOST_IN_A_PAGE": REQUEST},
    "storage/blobs.py": {"MOST_BYTES": THING},
    "storage/commit.py": {"MOST_WRITES": REQUEST, "MOST_PUTS": REQUEST},
    "storage/due.py": {"MAX_ATTEMPTS": RUN, "MAX_PAGES": RUN, "MAX_DELAY": RUN, "MAX_CODE": THING},
    "storage/uploads.py": {"LEAST_PART": RUN},
    "trades/domain/checking.py": {
        "MOST_CURRENCIES": THING,
        "MOST_DEDUCTIONS": THING,
        "MOST_FORFEITED_BPS": THING,
        "MOST_MONTHS": THING,
        "MOST_ROLES": THING,
    },
    "trades/domain/checking_milestones.py": {"MOST_MILESTONES": THING},
    "trades/domain/checks.py": {"MOST_FINDINGS": THING, "MOST_FIXINGS": THING},
    "trades/domain/fixings.py": {"MOST_IN_WORDS": REQUEST, "MOST_NAMED": REQUEST},
    "trades/domain/opening.py": {"MOST_LOTS": THING},
    "trades/domain/problems.py": {"MOST_TEXT": THING, "MOST_NAME": THING, "MOST_DAYS": THING},
    "trades/service/recounting.py": {"MOST_PAGES": RUN},
    "trades/store.py": {"MOST_EVIDENCE": THING},
    "trades/template_bodies.py": {"MOST_DOCUMENTS": THING},
    "web/pages.py": {"MOST": REQUEST, "MOST_CURSOR": REQUEST},
    "web/parse.py": {"MOST_BYTES": REQUEST, "MOST_DEPTH": REQUEST, "MOST_ID": REQUEST},
}


def limits_of(tree: ast.Module) -> set[str]:
    """The names of a module's own limits."""
    targets = [
        target
        for node in tree.body
        for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name) and LIMIT.fullmatch(target.id)}


def test_every_limit_says_what_it_is_of_and_none_is_of_a_whole_life() -> None:
    found = {module.name: names for module in modules() if (names := limits_of(module.tree))}

    assert found == {name: set(limits) for name, limits in LIMITS.items()}
