"""Failure rules of every way in that is not HTTP: groups, last receives, streams, schedules, operators."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.queues import Message, StreamRecord, Worker
from chalicelib.queues.budget import Deadline
from chalicelib.queues.worker import MOST_RECEIVES, WorkerFailed
from infra.templates import DATA_TEMPLATE, load_template
from tests.support.events import queue_event, schedule_event, stream_event
from tests.support.faults import Crash

SECRET = "DE02120300000000202051"


class Seen:
    """A handler that notes what it is given and fails on what it is told to."""

    def __init__(self, *failing: object, error: type[BaseException] = ValueError) -> None:
        self.failing, self.error = failing, error
        self.given: list[Any] = []

    def take(self, what: object) -> None:
        self.given.append(what)
        if what in self.failing:
            raise self.error(SECRET)


def asked(seen: Seen, event: dict[str, Any]) -> Any:
    """The answer of a queue handler that takes each message's `n`."""

    def probe(message: Message) -> None:
        seen.take(message.body["n"])

    return Worker(__name__).queue("probe")(probe)(event, None)


def failed(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def batch(*messages: tuple[str, object], **more: Any) -> dict[str, Any]:
    return queue_event(*[(group, {"n": n}) for group, n in messages], **more)


def test_a_batch_without_a_failure_reports_none() -> None:
    seen = Seen()

    assert failed(asked(seen, batch(("a", 1), ("b", 2)))) == []
    assert seen.given == [1, 2]


def test_a_message_says_its_group_and_how_often_it_came() -> None:
    taken: list[Message] = []
    probe = Worker(__name__).queue("probe")(taken.append)

    probe(queue_event(("a", {"n": 1}), receive_count=3), None)

    assert taken == [Message({"n": 1}, "a", 3)]


def test_a_failure_holds_back_the_rest_of_its_group_and_no_other() -> None:
    seen = Seen(2)

    answer = asked(seen, batch(("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)))

    assert failed(answer) == ["m1", "m3"]
    assert seen.given == [1, 2, 3, 5]


def test_a_message_that_failed_for_the_last_time_does_not_take_its_followers_along() -> None:
    seen = Seen(2)

    answer = asked(seen, batch(("a", 1), ("a", 2), ("a", 3), receive_count=MOST_RECEIVES))

    assert failed(answer) == ["m1"]
    assert seen.given == [1, 2, 3]


def test_the_last_receive_is_that_of_every_queue() -> None:
    queues = [r for r in load_template(DATA_TEMPLATE)["Resources"].values() if r["Type"] == "AWS::SQS::Queue"]
    redrives = [q["Properties"]["RedrivePolicy"] for q in queues if "RedrivePolicy" in q["Properties"]]

    assert {redrive["maxReceiveCount"] for redrive in redrives} == {MOST_RECEIVES}


@pytest.mark.parametrize("body", ["", "{", "null", "[]", '"text"', "{}", '{"n": NaN'])
def test_a_message_that_is_none_fails_alone(body: str) -> None:
    seen = Seen()
    event = queue_event(("a", body), ("b", {"n": 2}))

    assert failed(asked(seen, event)) == ["m0"]
    assert seen.given == [2]


@pytest.mark.parametrize("error", [ValueError, lambda text: Conflict("no", text), WorkerFailed])
def test_a_failure_is_logged_with_its_place_and_kind_and_without_its_text(
    caplog: pytest.LogCaptureFixture, error: Any
) -> None:
    asked(Seen(1, error=error), batch(("a", 1)))

    told = json.loads(caplog.records[0].getMessage())
    assert (told["alarm"], told["type"]) == ("message_failed", type(error("")).__name__)
    assert told["code"] == ("no" if told["type"] == "Conflict" else None)
    assert any("test_worker.py" in frame for frame in told["stack"])
    assert SECRET not in caplog.text


def test_a_killed_process_reports_nothing() -> None:
    with pytest.raises(Crash):
        asked(Seen(1, error=Crash), batch(("a", 1)))


def streamed(seen: Seen) -> Callable[[dict[str, Any], None], Any]:
    def probe(records: list[StreamRecord]) -> None:
        for record in records:
            seen.take((record.before, record.after))

    handler: Callable[[dict[str, Any], None], Any] = Worker(__name__).stream("probe", table="journal")(probe)
    return handler


def images(*names: str) -> Iterable[dict[str, Any]]:
    return [{"pk": {"S": name}} for name in names]


def test_a_stream_gives_the_images_in_order() -> None:
    a, b = images("a", "b")
    seen = Seen()

    streamed(seen)(stream_event((None, a), (a, b), (b, None)), None)

    assert seen.given == [(None, a), (a, b), (b, None)]


def test_a_record_that_always_fails_keeps_no_other_waiting() -> None:
    a, b, c = images("a", "b", "c")
    seen = Seen((None, b))

    with pytest.raises(WorkerFailed):
        streamed(seen)(stream_event((None, a), (None, b), (None, c)), None)

    assert seen.given == [(None, a), (None, b), (None, a), (None, b), (None, c)]


def test_a_batch_fails_while_one_of_its_records_does() -> None:
    [a] = images("a")
    seen = Seen((None, a))
    handler = streamed(seen)

    for _ in range(3):
        with pytest.raises(WorkerFailed, match="probe: ValueError"):
            handler(stream_event((None, a)), None)
    seen.failing = ()

    assert handler(stream_event((None, a)), None) is None


def test_a_batch_whose_records_each_succeed_alone_does_not_come_again() -> None:
    a, b = images("a", "b")
    handled: list[StreamRecord] = []

    def probe(records: list[StreamRecord]) -> None:
        if len(records) > 1:
            raise ValueError(SECRET)
        handled.extend(records)

    Worker(__name__).stream("probe", table="journal")(probe)(stream_event((None, a), (None, b)), None)

    assert handled == [StreamRecord(None, a), StreamRecord(None, b)]


def test_records_that_are_not_reached_in_time_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = images("a", "b")
    seen = Seen((None, a))
    monkeypatch.setattr(Deadline, "has_passed", lambda self: True)

    with pytest.raises(WorkerFailed, match="probe: ValueError"):
        streamed(seen)(stream_event((None, a), (None, b)), None)

    assert seen.given == [(None, a)]


def test_a_killed_process_takes_up_no_record_by_itself() -> None:
    a, b = images("a", "b")
    seen = Seen((None, a), error=Crash)

    with pytest.raises(Crash):
        streamed(seen)(stream_event((None, a), (None, b)), None)

    assert seen.given == [(None, a)]


def test_what_aws_writes_into_the_log_of_a_failure_holds_none_of_its_text(caplog: pytest.LogCaptureFixture) -> None:
    [a] = images("a")

    with pytest.raises(WorkerFailed) as told:
        streamed(Seen((None, a)))(stream_event((None, a)), None)

    assert str(told.value) == "probe: ValueError"
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert SECRET not in caplog.text


def test_a_schedule_runs_and_its_answer_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def probe() -> dict[str, int]:
        return {"days": 3}

    assert Worker(__name__).schedule("probe", "rate(1 day)")(probe)(schedule_event(), None) == {"days": 3}


def test_a_schedule_that_fails_is_alarmed_and_fails(caplog: pytest.LogCaptureFixture) -> None:
    def probe() -> None:
        raise Conflict("not_now", SECRET)

    with caplog.at_level(logging.ERROR), pytest.raises(WorkerFailed):
        Worker(__name__).schedule("probe", "rate(1 day)")(probe)(schedule_event(), None)

    told = json.loads(caplog.records[0].getMessage())
    assert (told["alarm"], told["code"]) == ("probe_failed", "not_now")


def test_an_operator_is_told_what_was_refused_and_of_a_fault_its_kind_only(caplog: pytest.LogCaptureFixture) -> None:
    def probe(event: dict[str, Any]) -> dict[str, Any]:
        if event["action"] == "refuse":
            raise Conflict("tenant_exists", "there", tenant_id="ten_a", refused="no code")
        if event["action"] == "fail":
            raise ValueError(SECRET)
        return {"did": event["action"]}

    operate = Worker(__name__).operator("probe")(probe)

    assert operate({"action": "x"}, None) == {"did": "x"}
    assert operate({"action": "refuse"}, None) == {"refused": "tenant_exists", "tenant_id": "ten_a"}
    with pytest.raises(WorkerFailed, match="probe: ValueError"):
        operate({"action": "fail"}, None)
    assert SECRET not in caplog.text
