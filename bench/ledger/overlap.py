"""A proxy before DynamoDB that refuses what AWS would: a transaction on an item that another one is still at.

No local backend ever raises TransactionConflict, since each does one thing after the other. This proxy knows which
items the transactions on their way have, and answers a second one at the same item as DynamoDB does. Everything else it
passes on as it is. It runs in a process of its own, so that its work is not counted as its callers'.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"
READY_SECONDS = 10
MOST_HEAD = 64 * 1024
TRANSACTION = b"transactwriteitems"
END_OF_HEAD = b"\r\n\r\n"
Keys = frozenset[str]


class Proxy:
    """Passes requests on to one upstream, transactions that overlap aside."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.under_way: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a caller, request after request until it hangs up."""
        up_reader, up_writer = await asyncio.open_connection(*self.upstream, limit=MOST_HEAD)
        try:
            while request := await read_message(reader):
                writer.write(await self._answer(request, up_reader, up_writer))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            up_writer.close()
            writer.close()

    async def _answer(
        self, request: tuple[bytes, bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        head, body = request
        keys = items(body) if TRANSACTION in head.lower() else frozenset()
        if any(self.under_way[key] for key in keys):
            return conflict(body, self.under_way)
        self.under_way.update(keys)
        try:
            writer.write(head + body)
            await writer.drain()
            answer = await read_message(reader)
        finally:
            self.under_way.subtract(keys)
        if answer is None:
            raise ConnectionError("the upstream hung up")
        return answer[0] + answer[1]


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """Head and body, as they are, of the next HTTP message; None once the other side hung up."""
    try:
        head = await reader.readuntil(END_OF_HEAD)
    except asyncio.IncompleteReadError:
        return None
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return head, b"".join([chunk async for chunk in chunks(reader)])
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The chunks of a body, each with its length, to the last one."""
    length = -1
    while length:
        line = await reader.readuntil(b"\r\n")
        length = int(line.partition(b";")[0], 16)
        yield line + await reader.readexactly(length + 2)


def items(body: bytes) -> Keys:
    """The items that a transaction is at, by table and key."""
    return frozenset(named(action) for action in json.loads(body)["TransactItems"])


def named(action: dict[str, Any]) -> str:
    """The item that one action of a transaction is at."""
    [(kind, terms)] = action.items()
    key = terms["Item"] if kind == "Put" else terms["Key"]
    return f"{terms['TableName']} {key['pk']} {key.get('sk')}"


def conflict(body: bytes, under_way: Counter[str]) -> bytes:
    """DynamoDB's answer to a transaction that overlaps with another."""
    reasons = [
        {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        if under_way[named(action)]
        else {"Code": "None"}
        for action in json.loads(body)["TransactItems"]
    ]
    codes = ", ".join(reason["Code"] for reason in reasons)
    told = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        "CancellationReasons": reasons,
    }
    content = json.dumps(told).encode()
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"\r\n" + content


@contextmanager
def in_between(endpoint: str) -> Iterator[str]:
    """A proxy before `endpoint` for the length of the block. Its own address."""
    upstream = urlsplit(endpoint)
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        ready = multiprocessing.get_context("fork").Event()
        process = multiprocessing.get_context("fork").Process(
            target=_run, args=(listening, upstream.hostname or HOST, upstream.port or 80, ready), daemon=True
        )
        process.start()
        try:
            if not ready.wait(READY_SECONDS):
                raise SystemExit("the proxy did not start")
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.join(READY_SECONDS)


def _run(listening: socket.socket, host: str, port: int, ready: Any) -> None:
    async def main() -> None:
        server = await asyncio.start_server(Proxy(host, port).serve, sock=listening, limit=MOST_HEAD)
        ready.set()
        async with server:
            await server.serve_forever()

    asyncio.run(main())
