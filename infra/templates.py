"""Reads the CloudFormation templates as plain data.

The data template is the one definition of the tables: the deployment creates them from it, and the store tests create
the same tables on DynamoDB Local. What the templates mean is CloudFormation's business, not this module's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parent
DATA_TEMPLATE = INFRA / "data.yaml"
NAME_PREFIX = "quittance-${Stage}-"

# What of a table's definition the DynamoDB API takes in create_table, in the same words.
_CREATE_TABLE_KEYS = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


class _Loader(yaml.SafeLoader):
    """Safe YAML plus CloudFormation's short tags, each read as its long form."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


def load_template(path: Path) -> dict[str, Any]:
    """The template at `path` as dictionaries, `!Sub x` read as {"Fn::Sub": "x"}."""
    # The loader is a SafeLoader, so no object is ever built from the text.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # type: ignore[no-any-return]


def table_definitions(prefix: str) -> list[dict[str, Any]]:
    """Arguments of `create_table` for every table of the data stack, named "{prefix}-accounts" and so on."""
    resources = load_template(DATA_TEMPLATE)["Resources"].values()
    return [_create_table(r["Properties"], prefix) for r in resources if r["Type"] == "AWS::DynamoDB::Table"]


def _create_table(properties: dict[str, Any], prefix: str) -> dict[str, Any]:
    name = properties["TableName"]["Fn::Sub"].removeprefix(NAME_PREFIX)
    arguments = {key: properties[key] for key in _CREATE_TABLE_KEYS if key in properties}
    if "StreamSpecification" in properties:
        arguments["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    return {"TableName": f"{prefix}-{name}", **arguments}
