"""Queue, stream, schedule and operator handlers: one decorator each way in, all with the same failure rules."""

from chalicelib.queues.worker import Message, StreamRecord, Worker

__all__ = ["Message", "StreamRecord", "Worker"]
