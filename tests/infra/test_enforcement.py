"""The policies as the deployed stack enforces them: what a function needs is allowed, what it does not is denied."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_stack import LocalStack

BUCKET = "quittance-local-000000000000-eu-central-1"
CHECKPOINTS = "quittance-local-checkpoints-000000000000-eu-central-1"
SEALING_KEY, DIGEST_KEY = "alias/quittance-local-sealing", "alias/quittance-local-digests"
CHECKPOINT_KEY = "alias/quittance-local-checkpoints"
"""Stand for their ARNs, by which functions know them: a policy names a key, never an alias."""
SIGN = {"Message": "x", "SigningAlgorithm": "ECDSA_SHA_256"}
CHECKPOINT = {"Bucket": CHECKPOINTS, "Key": "checkpoints/probe"}
MAC = {"Message": "x", "MacAlgorithm": "HMAC_SHA_256"}
DENIED = ("AccessDenied", "AccessDeniedException")
LET_IN = ("allowed", "TransactionCanceledException")
ITEM = {"pk": {"S": "probe"}, "sk": {"S": "probe"}, "version": {"N": "0"}}
KEY = {"pk": {"S": "probe"}, "sk": {"S": "probe"}}


def table(name: str, **arguments: Any) -> dict[str, Any]:
    return {"TableName": f"quittance-local-{name}", **arguments}


def index(name: str, index_name: str, attribute: str) -> dict[str, Any]:
    values = {":v": {"S": "probe"}}
    return table(
        name, IndexName=index_name, KeyConditionExpression=f"{attribute} = :v", ExpressionAttributeValues=values
    )


def put(name: str) -> dict[str, Any]:
    return table(name, Item=ITEM)


def transaction(name: str) -> dict[str, Any]:
    """It is let in and then writes nothing, by its condition: a probe among the entries is a record that the stream's
    readers cannot read, and the emulator would send it to them for ever, and nothing behind it."""
    return {"TransactItems": [{"Put": {**put(name), "ConditionExpression": "attribute_exists(pk)"}}]}


ALLOWED = [
    ("api", "dynamodb", "PutItem", put("records")),
    ("api", "dynamodb", "TransactWriteItems", transaction("journal")),
    ("api", "dynamodb", "Query", index("accounts", "by_tenant", "tenant")),
    ("api", "dynamodb", "Query", index("records", "by_list", "list_key")),
    ("api", "s3", "PutObject", {"Bucket": BUCKET, "Key": "callbacks/probe", "Body": "x"}),
    ("api", "secretsmanager", "GetSecretValue", {"SecretId": "quittance-local-signing"}),
    ("api", "kms", "GenerateDataKey", {"KeyId": SEALING_KEY, "KeySpec": "AES_256"}),
    ("api", "kms", "GenerateMac", {"KeyId": DIGEST_KEY, **MAC}),
    ("callbacks", "s3", "GetObject", {"Bucket": BUCKET, "Key": "callbacks/probe"}),
    ("callbacks", "kms", "GenerateDataKey", {"KeyId": SEALING_KEY, "KeySpec": "AES_256"}),
    ("callbacks", "dynamodb", "TransactWriteItems", transaction("accounts")),
    ("payouts", "s3", "PutObject", {"Bucket": BUCKET, "Key": "payment-files/bank_probe/probe.xml", "Body": "x"}),
    ("project", "dynamodb", "PutItem", put("history")),
    ("accrue", "dynamodb", "Query", index("records", "by_list", "list_key")),
    ("operate", "dynamodb", "PutItem", put("records")),
    ("api", "dynamodb", "Query", index("feed", "by_number", "tenant")),
    ("sequence", "dynamodb", "TransactWriteItems", transaction("feed")),
    ("sequence", "dynamodb", "Query", index("feed", "by_number", "tenant")),
    ("sweep", "dynamodb", "Query", index("records", "by_list", "list_key")),
    ("sweep", "dynamodb", "TransactWriteItems", transaction("journal")),
    ("due", "dynamodb", "Query", index("records", "by_due", "due_key")),
    ("api", "dynamodb", "Query", index("records", "by_due", "due_key")),
    ("operate", "dynamodb", "Query", index("records", "by_due", "due_key")),
    ("due", "dynamodb", "Query", index("records", "by_list", "list_key")),
    ("due", "dynamodb", "TransactWriteItems", transaction("records")),
    ("calendars", "dynamodb", "Query", index("records", "by_due", "due_key")),
    ("calendars", "dynamodb", "TransactWriteItems", transaction("records")),
    ("unpaid", "dynamodb", "Query", index("feed", "by_number", "tenant")),
    ("unpaid", "dynamodb", "PutItem", put("records")),
    ("checkpoint", "s3", "PutObject", CHECKPOINT | {"Body": "x"}),
    ("checkpoint", "kms", "Sign", {"KeyId": CHECKPOINT_KEY, **SIGN}),
    ("api", "s3", "GetObject", CHECKPOINT),
    ("api", "kms", "GetPublicKey", {"KeyId": CHECKPOINT_KEY}),
    ("prove", "s3", "GetObject", CHECKPOINT),
    ("prove", "dynamodb", "Scan", table("journal", Limit=1)),
]

REFUSED = [
    ("api", "dynamodb", "DeleteItem", table("journal", Key={"pk": {"S": "probe"}})),
    ("api", "dynamodb", "Scan", table("records")),
    ("api", "dynamodb", "PutItem", put("history")),
    ("api", "s3", "PutObject", {"Bucket": BUCKET, "Key": "payment-files/bank_probe/probe.xml", "Body": "x"}),
    ("api", "s3", "DeleteObject", {"Bucket": BUCKET, "Key": "callbacks/probe"}),
    ("api", "s3", "ListBuckets", {}),
    ("api", "secretsmanager", "PutSecretValue", {"SecretId": "quittance-local-signing", "SecretString": "x"}),
    ("api", "kms", "Decrypt", {"KeyId": SEALING_KEY, "CiphertextBlob": "x"}),
    ("api", "kms", "VerifyMac", {"KeyId": DIGEST_KEY, **MAC, "Mac": "x"}),
    ("api", "kms", "DisableKey", {"KeyId": DIGEST_KEY}),
    ("api", "lambda", "Invoke", {"FunctionName": "quittance-local-operate"}),
    ("callbacks", "secretsmanager", "GetSecretValue", {"SecretId": "quittance-local-signing"}),
    ("callbacks", "s3", "PutObject", {"Bucket": BUCKET, "Key": "callbacks/probe", "Body": "x"}),
    ("callbacks", "kms", "Decrypt", {"KeyId": SEALING_KEY, "CiphertextBlob": "x"}),
    ("payouts", "kms", "GenerateMac", {"KeyId": DIGEST_KEY, **MAC}),
    ("payouts", "s3", "GetObject", {"Bucket": BUCKET, "Key": "callbacks/probe"}),
    ("payouts", "dynamodb", "DeleteItem", table("records", Key=KEY)),
    ("relay", "dynamodb", "PutItem", put("journal")),
    ("relay", "dynamodb", "TransactWriteItems", transaction("accounts")),
    ("project", "dynamodb", "PutItem", put("accounts")),
    ("project", "dynamodb", "TransactWriteItems", transaction("journal")),
    ("accrue", "secretsmanager", "GetSecretValue", {"SecretId": "quittance-local-signing"}),
    ("operate", "dynamodb", "PutItem", put("history")),
    ("operate", "s3", "GetObject", {"Bucket": BUCKET, "Key": "callbacks/probe"}),
    ("api", "dynamodb", "PutItem", put("feed")),
    ("sequence", "dynamodb", "PutItem", put("journal")),
    ("sequence", "dynamodb", "TransactWriteItems", transaction("accounts")),
    ("sweep", "dynamodb", "PutItem", put("feed")),
    ("due", "dynamodb", "PutItem", put("feed")),
    ("due", "dynamodb", "Query", index("accounts", "by_tenant", "tenant")),
    ("calendars", "dynamodb", "PutItem", put("accounts")),
    ("calendars", "dynamodb", "PutItem", put("feed")),
    ("unpaid", "dynamodb", "PutItem", put("accounts")),
    ("unpaid", "dynamodb", "PutItem", put("journal")),
    ("checkpoint", "s3", "DeleteObject", CHECKPOINT),
    ("checkpoint", "s3", "PutObject", {"Bucket": BUCKET, "Key": "callbacks/probe", "Body": "x"}),
    ("checkpoint", "dynamodb", "PutItem", put("journal")),
    ("checkpoint", "dynamodb", "PutItem", put("feed")),
    ("api", "s3", "PutObject", CHECKPOINT | {"Body": "x"}),
    ("api", "kms", "Sign", {"KeyId": CHECKPOINT_KEY, **SIGN}),
    ("prove", "kms", "Sign", {"KeyId": CHECKPOINT_KEY, **SIGN}),
    ("prove", "s3", "PutObject", CHECKPOINT | {"Body": "x"}),
    ("prove", "dynamodb", "Scan", table("accounts")),
    ("prove", "dynamodb", "PutItem", put("accounts")),
    ("prove", "dynamodb", "PutItem", put("journal")),
]


def title(case: tuple[str, str, str, dict[str, Any]]) -> str:
    function, service, operation, arguments = case
    target = arguments.get("TableName", arguments.get("Key", "")) or ""
    return f"{function}-{service}-{operation}-{target}"


def outcome(stack: LocalStack, case: tuple[str, str, str, dict[str, Any]]) -> str:
    function, service, operation, arguments = case
    if "KeyId" in arguments:
        key = stack.client("kms").describe_key(KeyId=arguments["KeyId"])
        arguments = {**arguments, "KeyId": key["KeyMetadata"]["Arn"]}
    return stack.outcome(function, service, operation, arguments)


@pytest.mark.parametrize("case", ALLOWED, ids=title)
def test_a_function_may_do_what_it_needs(local_stack: LocalStack, case: tuple[str, str, str, dict[str, Any]]) -> None:
    assert outcome(local_stack, case) in LET_IN


@pytest.mark.parametrize("case", REFUSED, ids=title)
def test_a_function_is_denied_the_rest(local_stack: LocalStack, case: tuple[str, str, str, dict[str, Any]]) -> None:
    assert outcome(local_stack, case) in DENIED


def test_not_even_the_deployer_deletes_a_checkpoint(local_stack: LocalStack) -> None:
    s3 = local_stack.client("s3")
    version = s3.put_object(Bucket=CHECKPOINTS, Key="checkpoints/kept", Body=b"x")["VersionId"]

    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=CHECKPOINTS, Key="checkpoints/kept", VersionId=version)

    assert refused.value.response["Error"]["Code"] in DENIED
