"""The data template's tables, created on DynamoDB Local exactly as the store tests get them."""

from __future__ import annotations

import os

from tests.support.dynamodb_local import Tables


def describe(tables: Tables, name: str) -> dict:
    return tables.client.describe_table(TableName=tables.name(name))["Table"]


def keys(schema: list[dict]) -> list[str]:
    return [key["AttributeName"] for key in schema]


def test_there_are_five_tables_under_the_prefix_of_the_test(tables: Tables) -> None:
    names = [n for n in tables.client.list_tables()["TableNames"] if n.startswith(tables.prefix)]

    assert sorted(names) == [tables.name(n) for n in ("accounts", "feed", "history", "journal", "records")]


def test_accounts_stream_both_images_and_list_by_tenant(tables: Tables) -> None:
    accounts = describe(tables, "accounts")

    assert accounts["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert [keys(i["KeySchema"]) for i in accounts["GlobalSecondaryIndexes"]] == [["tenant", "account_id"]]


def test_the_journal_streams_its_new_image_and_has_no_index(tables: Tables) -> None:
    journal = describe(tables, "journal")

    assert journal["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert "GlobalSecondaryIndexes" not in journal


def test_history_is_ordered_by_version_and_by_effective_time(tables: Tables) -> None:
    history = describe(tables, "history")

    assert keys(history["KeySchema"]) == ["pk", "version"]
    assert [keys(i["KeySchema"]) for i in history["GlobalSecondaryIndexes"]] == [["pk", "occurred"]]


def test_the_feed_is_found_by_entry_and_listed_by_number(tables: Tables) -> None:
    feed = describe(tables, "feed")

    assert keys(feed["KeySchema"]) == ["pk"]
    assert [keys(i["KeySchema"]) for i in feed["GlobalSecondaryIndexes"]] == [["tenant", "number"]]


def test_records_list_sparsely(tables: Tables) -> None:
    tables.client.put_item(TableName=tables.name("records"), Item={"pk": {"S": "a"}, "sk": {"S": "b"}})

    listed = tables.client.scan(TableName=tables.name("records"), IndexName="by_list")["Items"]

    assert listed == []


def test_the_environment_points_at_the_tables(tables: Tables) -> None:
    assert os.environ["QUITTANCE_TABLE_PREFIX"] == tables.prefix
    assert os.environ["AWS_ENDPOINT_URL_DYNAMODB"] == tables.endpoint
