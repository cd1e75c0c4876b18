"""Least privilege, as written: one document per function, no wildcard, nothing that deletes or scans.

That the deployed stack enforces them is test_enforcement.py's business.
"""

from __future__ import annotations

import pytest

from infra.paths import ROOT
from tests.infra.app_template import FUNCTIONS, app_resources, configuration, functions, policy

LOGS_ONLY = {"logs:CreateLogStream", "logs:PutLogEvents"}

# AWS knows no resource for these actions, so the resource has to be "*".
NO_RESOURCE_LEVEL = {"dynamodb:ListStreams"}

# Transactions are allowed by their parts; there is no such action.
NO_IAM_ACTIONS = {"dynamodb:TransactWriteItems", "dynamodb:TransactGetItems"}

EVERYTHING = sorted([*FUNCTIONS, "stage_default"])


def actions(name: str) -> set[str]:
    return {action for statement in policy(name) for action in statement["Action"]}


def test_every_function_has_a_policy_of_its_own() -> None:
    files = {name: f["iam_policy_file"] for name, f in configuration()["lambda_functions"].items()}

    assert files == {name: f"../policies/{name}.json" for name in FUNCTIONS}


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_the_app_has_exactly_the_functions_that_have_policies(stage: str) -> None:
    assert {name.lower() for name in functions(stage)} == {name.replace("_", "") for name in FUNCTIONS}


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_no_two_functions_share_a_role(stage: str) -> None:
    roles = [f["Role"]["Fn::GetAtt"][0] for f in functions(stage).values()]

    assert len(set(roles)) == len(FUNCTIONS)
    assert "DefaultRole" not in app_resources(stage)


def test_no_policy_lies_about_unused() -> None:
    assert {path.stem for path in (ROOT / "policies").iterdir()} == set(EVERYTHING)


def test_a_function_without_a_policy_of_its_own_could_only_log() -> None:
    assert configuration()["iam_policy_file"] == "../policies/stage_default.json"
    assert configuration()["autogen_policy"] is False
    assert actions("stage_default") == LOGS_ONLY


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_action_is_a_wildcard(name: str) -> None:
    assert not [action for action in actions(name) if "*" in action]


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_resource_is_named_unless_aws_knows_none(name: str) -> None:
    wild = [s for s in policy(name) if "*" in s["Resource"]]

    assert all(set(s["Action"]) <= NO_RESOURCE_LEVEL for s in wild)


@pytest.mark.parametrize("name", EVERYTHING)
def test_statements_only_allow(name: str) -> None:
    assert {s["Effect"] for s in policy(name)} == {"Allow"}
    assert not any("NotAction" in s or "NotResource" in s for s in policy(name))


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_function_deletes_from_a_table(name: str) -> None:
    forbidden = {"dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:UpdateTable"}

    assert not actions(name) & (forbidden | NO_IAM_ACTIONS)


def test_only_the_nightly_proof_scans_and_that_the_journal_alone() -> None:
    scanned = {
        (name, str(resource))
        for name in EVERYTHING
        for statement in policy(name)
        if "dynamodb:Scan" in statement["Action"]
        for resource in statement["Resource"]
    }

    assert scanned == {("prove", "{'Fn::ImportValue': {'Fn::Sub': 'quittance-${Stage}-JournalTableArn'}}")}


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_function_deletes_a_file_or_a_key(name: str) -> None:
    assert not [
        a for a in actions(name) if a.startswith(("s3:Delete", "kms:Schedule", "kms:Put", "secretsmanager:Delete"))
    ]


def test_only_the_operator_function_writes_signing_keys() -> None:
    writers = [name for name in FUNCTIONS if "secretsmanager:PutSecretValue" in actions(name)]

    assert writers == ["operate"]


def test_only_who_takes_bank_details_seals_them_and_payouts_open_them() -> None:
    assert {n for n in FUNCTIONS if "kms:GenerateDataKey" in actions(n)} == {"api_handler", "callbacks"}
    assert {n for n in FUNCTIONS if "kms:Decrypt" in actions(n)} == {"payouts"}


def test_only_the_api_makes_digests_of_bank_details_and_does_nothing_else_with_their_key() -> None:
    uses = {
        (name, action)
        for name in EVERYTHING
        for statement in policy(name)
        if "DigestKeyArn" in str(statement["Resource"])
        for action in statement["Action"]
    }

    assert uses == {("api_handler", "kms:GenerateMac")}
    assert {n for n in EVERYTHING if "kms:GenerateMac" in actions(n)} == {"api_handler"}


def test_only_the_checkpoint_function_signs_and_it_alone_writes_what_is_signed() -> None:
    assert {n for n in EVERYTHING if "kms:Sign" in actions(n)} == {"checkpoint"}
    assert {
        name
        for name in EVERYTHING
        for statement in policy(name)
        if "CheckpointBucketArn" in str(statement["Resource"]) and "s3:PutObject" in statement["Action"]
    } == {"checkpoint"}


def test_only_the_projector_writes_history_and_the_nightly_proof_what_it_lost() -> None:
    writers = {
        name
        for name in FUNCTIONS
        for statement in policy(name)
        if any(f"dynamodb:{way}Item" in statement["Action"] for way in ("Put", "Update", "BatchWrite"))
        and "HistoryTableArn" in str(statement["Resource"])
    }

    assert writers == {"project", "prove"}


def test_only_the_sequencer_gives_numbers_and_the_nightly_proof_those_that_were_lost() -> None:
    writers = [
        name
        for name in sorted(FUNCTIONS)
        for statement in policy(name)
        if any(a in statement["Action"] for a in ("dynamodb:PutItem", "dynamodb:UpdateItem"))
        and "FeedTableArn" in str(statement["Resource"])
    ]

    assert writers == ["prove", "sequence"]
