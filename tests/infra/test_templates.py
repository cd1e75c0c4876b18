"""What the templates must say: state is retained, failures are told, and binary bodies arrive as they were sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.core.calendars import NOTICE
from chalicelib.queues import metrics
from chalicelib.recon.export_jobs import KEPT
from chalicelib.settlement.worker import calendars
from tests.infra.app_template import FUNCTIONS, app_resources, data_resources, event_source, functions

STATEFUL = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
}
CALLBACK_AND_UPLOAD_TYPES = {
    "application/octet-stream",
    "application/xml",
    "application/zip",
    "multipart/form-data",
    "text/csv",
    "text/plain",
    "text/xml",
}
QUEUE_WORKERS = ("Callbacks", "Payouts", "Exports", "Statements")
STREAM_WORKERS = ("Project", "Relay", "Sequence")
STAGES = ("local", "dev", "prod")


def of_type(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: r for name, r in resources.items() if r["Type"] == kind}


def test_whatever_holds_state_outlives_its_stack() -> None:
    for name, resource in data_resources().items():
        if resource["Type"] in STATEFUL:
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain", name


@pytest.mark.parametrize("stage", STAGES)
def test_the_app_stack_holds_no_state(stage: str) -> None:
    assert not [name for name, r in app_resources(stage).items() if r["Type"] in STATEFUL]


def test_every_table_can_be_restored_and_is_encrypted() -> None:
    for name, table in of_type(data_resources(), "AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True, name
        assert properties["SSESpecification"]["SSEEnabled"] is True, name
        assert properties["BillingMode"] == "PAY_PER_REQUEST", name


def test_every_work_queue_is_ordered_and_gives_up_after_five_tries() -> None:
    queues = of_type(data_resources(), "AWS::SQS::Queue")
    redrives = {n: q["Properties"]["RedrivePolicy"] for n, q in queues.items() if "RedrivePolicy" in q["Properties"]}

    assert set(redrives) == {"CallbackQueue", "PayoutQueue", "ExportQueue", "StatementQueue"}
    for name, redrive in redrives.items():
        dead = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert redrive["maxReceiveCount"] == 5
        assert queues[name]["Properties"]["FifoQueue"] is queues[dead]["Properties"]["FifoQueue"] is True


def test_every_dead_letter_queue_raises_an_alarm_at_the_first_message() -> None:
    dead = {name for name in of_type(data_resources(), "AWS::SQS::Queue") if "Dead" in name}
    alarms = [a["Properties"] for a in of_type(data_resources(), "AWS::CloudWatch::Alarm").values()]

    assert {a["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for a in alarms} == dead
    assert {(a["Threshold"], a["ComparisonOperator"]) for a in alarms} == {(0, "GreaterThanThreshold")}


def test_the_bucket_is_versioned_encrypted_and_closed_to_the_public() -> None:
    bucket = data_resources()["Bucket"]["Properties"]

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in bucket
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_digests_are_made_with_a_key_that_stays_the_same_for_ever() -> None:
    key = data_resources()["DigestKey"]["Properties"]

    assert (key["KeySpec"], key["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert "EnableKeyRotation" not in key


def test_checkpoints_lie_where_nobody_changes_or_deletes_them() -> None:
    bucket = data_resources()["CheckpointBucket"]["Properties"]
    lock = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]

    assert bucket["ObjectLockEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert lock["Fn::If"][:2] == ["IsProd", {"Mode": "COMPLIANCE", "Years": 10}]


def test_checkpoints_are_signed_with_a_key_that_does_nothing_else() -> None:
    key = data_resources()["CheckpointKey"]["Properties"]

    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


@pytest.mark.parametrize("worker", QUEUE_WORKERS)
def test_a_message_outlives_six_timeouts_of_its_worker(worker: str) -> None:
    queue = data_resources()[f"{worker.removesuffix('s')}Queue"]["Properties"]

    assert queue["VisibilityTimeout"] >= 6 * functions("prod")[worker]["Timeout"]


def test_only_what_can_be_made_again_from_the_books_expires() -> None:
    rules = data_resources()["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    expiring = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {"exports/", "carried-positions/"}
    assert [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "exports/"] == [KEPT.days]


def test_a_record_that_is_suspended_raises_an_alarm() -> None:
    alarm = app_resources("prod")["DueAlarm"]["Properties"]

    assert (alarm["MetricName"], alarm["Dimensions"]) == ("Errors", [{"Name": "FunctionName", "Value": {"Ref": "Due"}}])
    assert alarm["AlarmActions"]


@pytest.mark.parametrize("worker", QUEUE_WORKERS)
def test_a_message_that_takes_its_worker_down_takes_no_other_with_it(worker: str) -> None:
    assert event_source("prod", worker)["BatchSize"] == 1


@pytest.mark.parametrize("worker", QUEUE_WORKERS + STREAM_WORKERS)
def test_workers_tell_which_messages_failed(worker: str) -> None:
    assert event_source("prod", worker)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(
    ("worker", "key", "export"),
    [
        ("Callbacks", "Queue", "CallbackQueueArn"),
        ("Payouts", "Queue", "PayoutQueueArn"),
        ("Exports", "Queue", "ExportQueueArn"),
        ("Statements", "Queue", "StatementQueueArn"),
        ("Relay", "Stream", "JournalStreamArn"),
        ("Sequence", "Stream", "JournalStreamArn"),
        ("Project", "Stream", "AccountsStreamArn"),
    ],
)
def test_workers_listen_to_what_the_data_stack_exports(worker: str, key: str, export: str) -> None:
    expected = {"Fn::ImportValue": {"Fn::Sub": f"quittance-${{Stage}}-{export}"}}

    assert event_source("prod", worker)[key] == expected


@pytest.mark.parametrize("worker", STREAM_WORKERS)
def test_a_poisoned_stream_record_is_cornered_and_told(worker: str) -> None:
    source = event_source("prod", worker)

    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["BisectBatchOnFunctionError"] is True
    assert 3 <= source["MaximumRetryAttempts"] <= 10
    assert source["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert "StreamsDeadQueueArn" in str(source["DestinationConfig"]["OnFailure"])


@pytest.mark.parametrize("function", ["Accrue", "Sweep", "Follow", "Due", "Calendars", "Unpaid", "Checkpoint", "Prove"])
def test_a_failed_scheduled_run_is_told(function: str) -> None:
    destination = functions("prod")[function]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]

    assert "StreamsDeadQueueArn" in str(destination)


def test_the_end_of_a_calendar_is_told_sixty_days_before() -> None:
    alarm = app_resources("prod")["CalendarEndsAlarm"]["Properties"]

    assert (alarm["Namespace"], alarm["MetricName"]) == (metrics.NAMESPACE, calendars.DAYS_LEFT)
    assert [dimension["Name"] for dimension in alarm["Dimensions"]] == ["Stage"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanOrEqualToThreshold", NOTICE.days)
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("Minimum", "breaching")


@pytest.mark.parametrize("stage", STAGES)
def test_callbacks_and_uploads_pass_the_gateway_as_bytes(stage: str) -> None:
    api = app_resources(stage)["RestAPI"]["Properties"]

    assert set(api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]) >= CALLBACK_AND_UPLOAD_TYPES


def test_json_passes_the_gateway_as_bytes_too() -> None:
    """As text, bytes that are not UTF-8 would be others by the time they are read, and pass for a whole text."""
    api = app_resources("prod")["RestAPI"]["Properties"]

    assert "application/json" in api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]


def test_the_gateway_logs_neither_tokens_nor_bodies() -> None:
    api = app_resources("prod")["RestAPI"]["Properties"]

    assert all(setting["DataTraceEnabled"] is False for setting in api["MethodSettings"])
    assert "AccessLogSetting" not in api


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_has_its_memory_timeout_environment_and_log_retention(stage: str) -> None:
    logs = of_type(app_resources(stage), "AWS::Logs::LogGroup")

    assert len(logs) == len(FUNCTIONS)
    assert all(log["Properties"]["RetentionInDays"] > 0 for log in logs.values())
    for name, function in functions(stage).items():
        assert 512 <= function["MemorySize"] <= 1024, name
        assert 25 <= function["Timeout"] <= 600, name
        assert function["FunctionName"]["Fn::Sub"].startswith("quittance-${Stage}-"), name


def test_an_answer_that_asks_to_try_again_raises_no_alarm_and_a_fault_of_ours_does() -> None:
    alarms = {n: r["Properties"] for n, r in app_resources("prod").items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    logged = app_resources("prod")["ApiDefectFilter"]["Properties"]
    of_gateway = [a for a in alarms.values() if a["Namespace"] == "AWS/ApiGateway"]

    assert [(a["Statistic"], a["Threshold"], a["EvaluationPeriods"]) for a in of_gateway] == [("Average", 0.05, 3)]
    assert (alarms["ApiFaultsAlarm"]["MetricName"], alarms["ApiFaultsAlarm"]["Threshold"]) == ("ApiDefects", 0)
    assert alarms["ApiUnansweredAlarm"]["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "APIHandler"}}]
    assert logged["MetricTransformations"][0]["MetricName"] == "ApiDefects"
    assert logged["FilterPattern"][1:-1].replace("\\", "") in json.dumps({"alarm": "defect"})
