"""What no import contract can say: where the time is asked and chance is taken, and that no float comes near money."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.code import Module, calls, imports, modules, words

EDGES = ("routes.py", "routes/", "worker.py", "worker/", "web/")

CLOCKS = {
    "datetime.now": {"web/clock.py"},
    "datetime.utcnow": set(),
    "datetime.today": set(),
    "date.today": set(),
    "time.time": set(),
    "time.monotonic": {"ledger/store/deferred.py", "queues/budget.py", "security/keys.py", "storage/retry.py"},
    "time.sleep": {"storage/retry.py"},
}
"""Where each way to ask for the time is allowed. How old a copy is, and how long to wait, is no business time."""

CHANCE = {"os.urandom", "random", "secrets", "uuid"}
CHANCE_IN = {
    "security/sealing.py",  # a nonce
    "security/tokens.py",  # a token's id
    "storage/commit.py",  # a request's token
    "storage/retry.py",  # jitter
    "web/endpoint.py",  # ids
}
"""Beside the workers, which are edges and make ids as the endpoint does."""

LIBRARIES = {
    "boto3": {"queues", "security", "storage"},
    "botocore": {"queues", "security", "storage"},
    "chalice": {"queues", "web"},
    "cryptography": {"security"},
    "jose": {"security"},
    "lxml": {"messages"},
    "pynamodb": {"storage"},
}
"""The rooms that know each library."""

SECONDS_IN = {"security/keys.py", "storage/retry.py"}
"""Where a float is a number of seconds."""

NOT_OUR_WORDS = {
    "buyback": "top-up or refund",
    "chargeback": "payout returned",
    "customer": "party",
    "helper": "what it does",
    "lien": "hold",
    "manager": "what it does",
    "merchant": "party or tenant",
    "misc": "what it is",
    "reservation": "hold",
    "rollback": "reversal",
    "txn": "entry",
    "user": "client or party",
    "util": "what it does",
    "utils": "what it does",
    "vendor": "party",
    "wallet": "account",
}
"""Words that a reader could take for a second thing, with the one that is meant."""


def told(module: Module) -> str:
    return module.name


@pytest.mark.parametrize("module", modules(), ids=told)
def test_the_time_is_asked_in_one_place(module: Module) -> None:
    asked = {call for call in calls(module) if call in CLOCKS or call.removeprefix("datetime.") in CLOCKS}

    assert {call for call in asked if module.name not in CLOCKS.get(call, set())} == set()


@pytest.mark.parametrize("module", modules(), ids=told)
def test_commands_take_now_from_the_edge(module: Module) -> None:
    asks = {call for call in calls(module) if call in {"clock.now", "clock.wall_clock"}}

    assert not asks or any(edge in module.name for edge in EDGES)


@pytest.mark.parametrize("module", modules(), ids=told)
def test_chance_is_taken_at_the_edges_and_where_it_decides_nothing(module: Module) -> None:
    takes = CHANCE & (imports(module) | calls(module))

    assert not takes or module.name in CHANCE_IN or "worker" in module.name


@pytest.mark.parametrize("module", modules(), ids=told)
def test_no_number_is_a_float(module: Module) -> None:
    floats = [
        node.lineno
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float) and module.name not in SECONDS_IN)
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in {"float", "round", "math.floor", "Decimal"})
    ]

    assert floats == []


@pytest.mark.parametrize("module", modules(), ids=told)
def test_a_check_is_never_an_assert(module: Module) -> None:
    """`assert` vanishes under -O."""
    assert [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("module", modules(), ids=told)
def test_each_library_is_known_to_its_rooms_only(module: Module) -> None:
    room = module.name.partition("/")[0]

    assert {name for name in imports(module) & set(LIBRARIES) if room not in LIBRARIES[name]} == set()


@pytest.mark.parametrize("module", modules(), ids=told)
def test_an_error_is_never_swallowed_whole(module: Module) -> None:
    bare = [n.lineno for n in ast.walk(module.tree) if isinstance(n, ast.ExceptHandler) and n.type is None]
    printed = {"print", "log.exception", "logging.exception", "traceback.print_exc"} & calls(module)

    assert (bare, printed) == ([], set())


@pytest.mark.parametrize("module", modules(), ids=told)
def test_one_thing_has_one_word(module: Module) -> None:
    assert words(module) & set(NOT_OUR_WORDS) == set()


@pytest.mark.parametrize("module", modules(), ids=told)
def test_every_loop_has_an_end(module: Module) -> None:
    endless = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value
    ]

    assert endless == []
