"""Sides of a call that end in unusual orders, by grpcio's asyncio client against our server."""

import asyncio

import grpc
import pytest
from cases_aio import payloads
from expectations import output
from messages import (
    EchoStatus, Empty, ResponseParameters, SimpleRequest, SimpleResponse, StreamingOutputCallRequest, Stub, zeros)

TIMEOUT = 15


def run(server, security, body):
    async def main():
        async with security.channel(grpc.aio, server) as channel:
            await body(Stub(channel))

    asyncio.run(main())


def test_a_client_stream_without_messages(our_server, security):
    async def body(stub):
        call = stub.StreamingInputCall(timeout=TIMEOUT)
        await call.done_writing()
        assert (await call).aggregated_payload_size == 0

    run(our_server, security, body)


def test_an_error_before_the_client_has_ended_its_side(our_server, security):
    async def body(stub):
        call = stub.FullDuplexCall(timeout=TIMEOUT)
        await call.write(StreamingOutputCallRequest(response_status=EchoStatus(code=9, message="enough")))
        assert await call.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert await call.details() == "enough"

    run(our_server, security, body)


def test_responses_come_before_the_error(our_server, security):
    async def body(stub):
        call = stub.FullDuplexCall(timeout=TIMEOUT)
        await call.write(output(70_000, 8))
        await call.write(StreamingOutputCallRequest(response_status=EchoStatus(code=9, message="enough")))
        assert (await call.read()).payload == zeros(70_000)
        assert await call.code() == grpc.StatusCode.FAILED_PRECONDITION

    run(our_server, security, body)


def test_responses_long_after_the_client_has_ended_its_side(our_server, security):
    async def body(stub):
        parameters = [ResponseParameters(size=size, interval_us=5_000) for size in range(40)]
        call = stub.FullDuplexCall(timeout=TIMEOUT)
        await call.write(StreamingOutputCallRequest(response_parameters=parameters))
        await call.done_writing()
        assert await payloads(call) == [zeros(size) for size in range(40)]

    run(our_server, security, body)


def test_a_client_that_does_not_read_is_held_back_and_loses_nothing(our_server, security):
    async def body(stub):
        call = stub.FullDuplexCall(timeout=TIMEOUT)

        async def write():
            for _ in range(100):
                await call.write(output(262_144, 131_072))
            await call.done_writing()

        writer = asyncio.create_task(write())
        done, _ = await asyncio.wait([writer], timeout=0.5)
        assert not done, "13 MiB were taken from a client that reads nothing"
        responses = await payloads(call)
        assert len(responses) == 100 and all(payload == zeros(262_144) for payload in responses)
        await writer

    run(our_server, security, body)


@pytest.mark.parametrize("count", [0, 2])
def test_a_unary_method_with_another_number_of_requests_than_one(count, our_server, security):
    async def body(stub):
        method = stub.channel.stream_unary(
            "/grpc.testing.TestService/UnaryCall", request_serializer=SimpleRequest.SerializeToString,
            response_deserializer=SimpleResponse.FromString)
        call = method(iter([SimpleRequest()] * count), timeout=TIMEOUT)
        assert await call.code() == grpc.StatusCode.UNIMPLEMENTED

    run(our_server, security, body)


def test_a_message_that_is_too_large(our_server, security):
    async def body(stub):
        for request in (SimpleRequest(payload=zeros(4 << 20)), SimpleRequest(response_size=4 << 20)):
            call = stub.UnaryCall(request, timeout=TIMEOUT)
            assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        await stub.EmptyCall(Empty(), timeout=TIMEOUT)

    run(our_server, security, body)


def test_metadata_over_the_limit(our_server, security):
    async def body(stub):
        call = stub.EmptyCall(Empty(), metadata=(("x-large", "a" * 20_000),), timeout=TIMEOUT)
        assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        await stub.EmptyCall(Empty(), timeout=TIMEOUT)

    run(our_server, security, body)
