"""What an operator is told: the answer of an action, or an exception with the code of its refusal."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from infra.bootstrap import OperatorRefused, operate
from tests.support.local_stack import LocalStack

ACTION = {"action": "create_tenant", "name": "Mill Market"}


class Function:
    """Stands for a Lambda client whose function gives one answer; keeps what it was asked."""

    def __init__(self, payload: object, **more: str) -> None:
        self.answer = {"Payload": io.BytesIO(json.dumps(payload).encode()), **more}
        self.asked: dict[str, Any] = {}

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return self.answer


def test_an_action_gives_its_answer() -> None:
    function = Function({"tenant_id": "ten_1"})

    assert operate(function, ACTION, stage="dev") == {"tenant_id": "ten_1"}
    assert (function.asked["FunctionName"], json.loads(function.asked["Payload"])) == ("quittance-dev-operate", ACTION)


def test_a_refusal_is_raised_with_its_code_and_facts() -> None:
    with pytest.raises(OperatorRefused) as refused:
        operate(Function({"refused": "invalid_name", "field": "name"}), ACTION)

    assert refused.value.code == "invalid_name"
    assert "create_tenant" in str(refused.value) and "'field': 'name'" in str(refused.value)


def test_a_failure_is_raised_with_its_message_and_no_code() -> None:
    with pytest.raises(OperatorRefused) as failed:
        operate(Function({"errorMessage": "operate: KeyError"}, FunctionError="Unhandled"), ACTION)

    assert (str(failed.value), failed.value.code) == ("create_tenant: operate: KeyError", "")


def test_the_deployed_function_refuses_so(local_stack: LocalStack) -> None:
    with pytest.raises(OperatorRefused) as refused:
        operate(local_stack.client("lambda"), {"action": "no_such_action"})

    assert refused.value.code == "unknown_action"
