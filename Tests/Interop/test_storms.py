"""Many calls of grpcio's asyncio client at once, and their sudden end: our server keeps nothing of them."""

import asyncio
import random
import signal
import subprocess
import sys
import time

import grpc
import pytest
from cases_aio import large_unary
from expectations import output
from messages import Empty, ResponseParameters, StreamingOutputCallRequest, Stub
from programs import PATIENCE, InteropServer

CALLS = 400
# A response, and another after ten minutes: meanwhile the handler neither reads nor writes.
SLEEP = StreamingOutputCallRequest(response_parameters=[
    ResponseParameters(size=9), ResponseParameters(size=9, interval_us=600_000_000)])


@pytest.fixture
def server():
    server = InteropServer()
    yield server
    server.kill()


async def expect_idle(server, stub):
    """No call and no handler is left, and the server still answers on the same connection."""
    deadline = time.monotonic() + PATIENCE
    while server.open()[:2] != (0, 0):
        assert time.monotonic() < deadline, f"calls, handlers, connections still open: {server.open()}"
        await asyncio.sleep(0.01)
    await stub.EmptyCall(Empty(), timeout=PATIENCE)


def storm(server, body):
    async def run():
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = Stub(channel)
            await body(stub)
            await expect_idle(server, stub)

    asyncio.run(run())


def test_large_unary_calls_on_one_connection(server):
    async def body(stub):
        await asyncio.gather(*(large_unary(stub) for _ in range(100)))

    storm(server, body)


def test_large_unary_calls_on_many_connections(server):
    async def run():
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(server.address, options=options) for _ in range(20)]
        await asyncio.gather(*(large_unary(Stub(channel)) for channel in channels for _ in range(5)))
        assert server.open() == (0, 0, 20)
        for channel in channels:
            await channel.close()

    asyncio.run(run())


def test_calls_cancelled_at_any_moment(server):
    chance = random.Random(1)

    async def one(stub):
        call = stub.FullDuplexCall(timeout=PATIENCE)
        moment = chance.randrange(4)
        if moment >= 1:
            await call.write(output(70_000, 20_000))
        if moment >= 2:
            await call.read()
        if moment >= 3:
            await call.done_writing()
        call.cancel()
        # Once both sides have said all, the end and the cancellation race.
        ends = {grpc.StatusCode.CANCELLED} if moment < 3 else {grpc.StatusCode.CANCELLED, grpc.StatusCode.OK}
        assert await call.code() in ends

    async def body(stub):
        await asyncio.gather(*(one(stub) for _ in range(CALLS)))

    storm(server, body)


def test_calls_cancelled_while_their_handlers_sleep(server):
    async def one(stub):
        call = stub.StreamingOutputCall(SLEEP, timeout=PATIENCE)
        await call.read()
        call.cancel()
        assert await call.code() == grpc.StatusCode.CANCELLED

    async def body(stub):
        await asyncio.gather(*(one(stub) for _ in range(CALLS)))

    storm(server, body)


def test_calls_whose_deadlines_pass(server):
    chance = random.Random(2)

    async def one(stub):
        call = stub.StreamingOutputCall(SLEEP, timeout=chance.uniform(0.001, 0.5))
        assert await call.code() == grpc.StatusCode.DEADLINE_EXCEEDED, await call.details()

    async def body(stub):
        await asyncio.gather(*(one(stub) for _ in range(CALLS)))

    storm(server, body)


def test_a_client_killed_with_calls_open(server):
    script = f"""
import asyncio, grpc
from expectations import output
from messages import Stub

async def main():
    async with grpc.aio.insecure_channel({server.address!r}) as channel:
        calls = [Stub(channel).FullDuplexCall() for _ in range(50)]
        for call in calls:
            await call.write(output(9, 8))
            await call.read()
        print("open", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""
    client = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                              cwd=__file__.rsplit("/", 1)[0])
    assert client.stdout.readline() == "open\n"
    assert server.open() == (50, 50, 1)
    client.send_signal(signal.SIGKILL)
    client.wait()
    deadline = time.monotonic() + PATIENCE
    while server.open() != (0, 0, 0):
        assert time.monotonic() < deadline, f"calls, handlers, connections still open: {server.open()}"
        time.sleep(0.01)
