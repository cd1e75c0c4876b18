"""One transaction in order: reasons by tag, what is tried again, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from chalicelib.core.errors import Busy, Conflict, Defect
from chalicelib.storage.commit import MOST_WRITES, Failed, Write, check, commit, put, update, write_item
from chalicelib.storage.reads import get
from chalicelib.storage.records import create, replace
from chalicelib.storage.tables import Item, RecordItem, record_key
from tests.storage.tills import Till, in_till, opened_till, till_key
from tests.support.faults import (
    Asked,
    Result,
    answer_garbled,
    answer_lost,
    cancelled,
    conflicted,
    fault,
    never_sent,
    server_error,
    throttled,
)


def refused(_: Item | None) -> Exception:
    return Conflict("refused", "refused")


def creating(tenant: str, name: str, amount: int = 1) -> Write:
    return create(record_key(tenant, name), Till(amount), exists=f"{name}_exists")


def bumping(tenant: str) -> Write:
    """Adds one to the till's version: a write that would show if it happened twice."""
    return update(
        "bump",
        till_key(tenant),
        change="SET version = version + :one",
        condition="attribute_exists(pk)",
        values={":one": {"N": "1"}},
        refuse=refused,
    )


def version(tenant: str) -> int:
    item = get(till_key(tenant))
    assert isinstance(item, RecordItem)
    return item.version


def test_either_all_writes_or_none(tenant: str) -> None:
    commit([creating(tenant, "b")])

    with pytest.raises(Failed):
        commit([creating(tenant, "a"), creating(tenant, "b")])

    assert get(record_key(tenant, "a")) is None


def test_each_failed_condition_is_mapped_to_its_write_with_the_item_that_stood_there(tenant: str) -> None:
    writes = [creating(tenant, name) for name in ("a", "b", "c")]
    commit([writes[0], writes[2]])

    with pytest.raises(Failed) as failed:
        commit(writes)

    assert [write.tag for write, _ in failed.value.reasons] == [writes[0].tag, writes[2].tag]
    assert [old and old["doc"]["S"] for _, old in failed.value.reasons] == ['{"amount":1}'] * 2


def test_a_condition_on_an_item_that_is_missing_fails_with_no_item(tenant: str) -> None:
    with pytest.raises(Failed) as failed:
        commit([bumping(tenant)])

    assert [old for _, old in failed.value.reasons] == [None]


def seen_at(tenant: str, version: int) -> Write:
    """Wants the till at a version and changes nothing."""
    values = {":seen": {"N": str(version)}}
    return check("seen", till_key(tenant), condition="version = :seen", values=values, refuse=refused)


def test_a_check_lets_a_commit_stand_and_changes_nothing(tenant: str) -> None:
    opened_till(tenant, 1)

    commit([creating(tenant, "a"), seen_at(tenant, 1)])

    assert (version(tenant), get(record_key(tenant, "a")) is None) == (1, False)


def test_a_failed_check_comes_with_the_item_that_stood_there_and_stops_the_commit(tenant: str) -> None:
    opened_till(tenant, 1)

    with pytest.raises(Failed) as failed:
        commit([creating(tenant, "a"), seen_at(tenant, 2)])

    assert [old and old["version"] for _, old in failed.value.reasons] == [{"N": "1"}]
    assert get(record_key(tenant, "a")) is None


def test_more_writes_than_one_transaction_takes_is_our_defect(tenant: str) -> None:
    with pytest.raises(Defect):
        commit([creating(tenant, str(i)) for i in range(MOST_WRITES + 1)])


@pytest.mark.parametrize("effect", [never_sent, answer_lost, answer_garbled, server_error, throttled, conflicted])
@pytest.mark.parametrize("times", [1, 4])
def test_trouble_that_ends_within_five_tries_leaves_one_effect(
    tenant: str, effect: Callable[..., Result], times: int
) -> None:
    opened_till(tenant, 1)

    with fault(effect, times=times) as calls:
        commit([bumping(tenant)])

    assert len(calls.operations) == times + 1
    assert version(tenant) == 2


def test_every_try_carries_the_same_token(tenant: str) -> None:
    opened_till(tenant, 1)
    tokens: list[str] = []

    def seen(asked: Asked, send: Callable[[], Result]) -> Result:
        tokens.append(json.loads(asked.body)["ClientRequestToken"])
        return conflicted(asked, send)

    with fault(seen, times=3):
        commit([bumping(tenant)])

    assert (len(tokens), len(set(tokens))) == (3, 1)


def test_two_commits_of_the_same_writes_are_two(tenant: str) -> None:
    opened_till(tenant, 1)

    commit([bumping(tenant)])
    commit([bumping(tenant)])

    assert version(tenant) == 3


def test_a_conflict_beside_a_failed_condition_is_tried_again(tenant: str) -> None:
    """The conflict may be the same command, half way through elsewhere: its condition is not yet an answer."""
    opened_till(tenant, 1)

    with fault(cancelled("ConditionalCheckFailed", "TransactionConflict")) as calls:
        commit([creating(tenant, "a"), bumping(tenant)])

    assert len(calls.operations) == 2


def test_trouble_that_does_not_end_is_busy(tenant: str) -> None:
    with fault(conflicted, times=99) as calls, pytest.raises(Busy):
        commit([creating(tenant, "a")])

    assert len(calls.operations) == 5


def test_a_cancellation_for_any_other_reason_is_our_defect(tenant: str) -> None:
    with fault(cancelled("ValidationError")), pytest.raises(Defect):
        commit([creating(tenant, "a")])


def test_a_request_the_store_does_not_understand_passes_through(tenant: str) -> None:
    with pytest.raises(ClientError) as error:
        commit([replace(record_key(tenant, "", part=""), Till(1), version=1)])

    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_an_item_written_twice_in_one_commit_is_our_defect(tenant: str) -> None:
    """DynamoDB refuses it; DynamoDB Local does not."""
    with pytest.raises(Defect):
        commit([creating(tenant, "a", 1), creating(tenant, "a", 2)])


def test_a_put_never_overwrites(tenant: str) -> None:
    opened_till(tenant, 5)
    key = till_key(tenant)
    item = RecordItem(pk=key.pk, sk=key.sort, version=9, doc='{"amount":0}').serialize()

    with pytest.raises(Failed):
        commit([put("till", RecordItem, item, refused)])

    assert in_till(tenant) == 5


def test_a_projected_item_is_written_as_it_is_however_often(tenant: str) -> None:
    key = till_key(tenant)
    item = RecordItem(pk=key.pk, sk=key.sort, version=9, doc='{"amount":7}').serialize()

    with fault(answer_lost):
        write_item(RecordItem, item)

    assert in_till(tenant) == 7
