"""Every limit is of one request, one thing, one run or one installation: nothing is limited over a tenant's whole life.

A new limit is named here with what it is of and why it ends nothing, or the test fails.
"""

from __future__ import annotations

import ast
import re

from tests.architecture.code import modules

ROOMS = ("access", "core", "ledger", "queues", "recon", "security", "storage", "web")
LIMIT = re.compile(r"MOST(_[A-Z]+)*|[A-Z]+_A_NIGHT|[A-Z]+_AT_ONCE|LEAST_[A-Z]+")

REQUEST = "one request, message or page"
THING = "one account, entry, hold, key or trade, as its terms say"
RUN = "one run or one step of it: the next goes on"
PROCESS = "what one process remembers"
INSTALLATION = "all tenants together, refused loudly"

LIMITS = {
    "access/routes.py": {"MOST_FORM": REQUEST},
    "core/calendars.py": {"MOST_CENTRES": THING, "MOST_DAYS": REQUEST},
    "core/call.py": {"MOST_KEY": REQUEST},
    "ledger/account_life.py": {"MOST_LABELS": THING, "MOST_VALUE": THING, "MOST_LABEL_BYTES": THING},
    "ledger/checkpoints.py": {"MOST_ENTRIES": RUN, "MOST_CHARACTERS": THING},
    "ledger/conditions.py": {"MOST_CONDITIONS": REQUEST, "MOST_ITEMS": REQUEST},
    "ledger/deferred.py": {"MOST_ACCOUNTS": RUN},
    "ledger/domain.py": {"LEAST_POSTINGS": THING, "MOST_POSTINGS": THING},
    "ledger/exchange.py": {"MOST_RATE": THING},
    "ledger/expiring.py": {"MOST_AT_ONCE": REQUEST, "MOST_ACCOUNTS": REQUEST},
    "ledger/holds.py": {"MOST_AHEAD": THING, "MOST_IN_GROUP": REQUEST},
    "ledger/metadata.py": {"MOST_PAIRS": THING, "MOST_VALUE": THING, "MOST_BYTES": THING},
    "ledger/movements.py": {"MOST_DAYS_APART": THING},
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
    "ledger/store/movements.py": {"MOST_OF_REFERENCE": REQUEST, "MOST_PAGES": REQUEST},
    "ledger/store/proofs.py": {"MOST_OPEN_PAGES": RUN},
    "ledger/store/proving.py": {"MOST_PAGES": RUN},
    "ledger/store/totals.py": {"MOST_KINDS": PROCESS},
    "ledger/verify.py": {"MOST_BYTES": REQUEST},
    "ledger/worker/prove.py": {"MOST_SECONDS": RUN, "MOST_TOLD": RUN},
    "ledger/worker/sweep.py": {"MOST_SECONDS": RUN, "MOST_SECONDS_IN_ALL": RUN},
    "queues/send.py": {"MOST_BYTES": REQUEST},
    "queues/worker.py": {"MOST_RECEIVES": REQUEST, "MOST_FRAMES": REQUEST},
    "recon/beancount.py": {"MOST_NAME": THING},
    "recon/domain.py": {"MOST_COMMENT": THING, "MOST_DESCRIPTION": THING, "MOST_REFERENCE": THING},
    "recon/formats.py": {"MOST_BYTES": REQUEST, "MOST_LINES": REQUEST, "MOST_STATEMENTS": REQUEST},
    "recon/service/following.py": {"MOST_TURNS": RUN},
    "recon/service/loading.py": {"MOST_NOTED": RUN},
    "recon/service/uploads.py": {"MOST_AT_ONCE": REQUEST},
    "recon/store/__init__.py": {"MOST_COVERING": REQUEST, "MOST_PAGES": REQUEST},
    "security/checkpoint_key.py": {"MOST_BYTES": THING},
    "security/sealing.py": {"MOST_BYTES": THING},
    "security/signing.py": {"MOST_CHARACTERS": REQUEST, "MOST_MESSAGE_ID": REQUEST},
    "storage/blobs.py": {"MOST_BYTES": THING},
    "storage/commit.py": {"MOST_WRITES": REQUEST, "MOST_PUTS": REQUEST},
    "storage/uploads.py": {"LEAST_PART": RUN},
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
    found = {
        module.name: names
        for module in modules()
        if module.name.partition("/")[0] in ROOMS and (names := limits_of(module.tree))
    }

    assert found == {name: set(limits) for name, limits in LIMITS.items()}
