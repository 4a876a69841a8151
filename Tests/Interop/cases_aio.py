"""The interop cases as grpcio's asyncio client makes them; each takes a stub."""

import asyncio

import grpc
from expectations import (
    COMPRESSED_RESPONSES, METADATA, LARGE_REQUEST, RESPONSE_SIZES, REQUEST_SIZES, SPECIAL_MESSAGE, expect_echoed,
    expect_large, output)
from messages import (
    BoolValue, EchoStatus, Empty, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest, Stub, zeros)

TIMEOUT = 15


async def expect_status(code, call):
    try:
        await call
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError(f"the status is OK, not {code}")


async def payloads(call):
    return [response.payload async for response in call]


async def empty_unary(stub):
    assert await stub.EmptyCall(Empty(), timeout=TIMEOUT) == Empty()


async def large_unary(stub):
    expect_large(await stub.UnaryCall(LARGE_REQUEST, timeout=TIMEOUT))


async def client_streaming(stub):
    call = stub.StreamingInputCall(timeout=TIMEOUT)
    for size in REQUEST_SIZES:
        await call.write(StreamingInputCallRequest(payload=zeros(size)))
    await call.done_writing()
    assert (await call).aggregated_payload_size == 74922


async def server_streaming(stub):
    request = StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=size) for size in RESPONSE_SIZES])
    assert await payloads(stub.StreamingOutputCall(request, timeout=TIMEOUT)) == [
        zeros(size) for size in RESPONSE_SIZES]


async def ping_pong(stub):
    call = stub.FullDuplexCall(timeout=TIMEOUT)
    for sent, wanted in zip(REQUEST_SIZES, RESPONSE_SIZES):
        await call.write(output(wanted, sent))
        assert (await call.read()).payload == zeros(wanted)
    await call.done_writing()
    assert await call.read() == grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK


async def half_duplex(stub):
    call = stub.HalfDuplexCall(timeout=TIMEOUT)
    for sent, wanted in zip(REQUEST_SIZES, RESPONSE_SIZES):
        await call.write(output(wanted, sent))
    await call.done_writing()
    assert await payloads(call) == [zeros(size) for size in RESPONSE_SIZES]


async def empty_stream(stub):
    call = stub.FullDuplexCall(timeout=TIMEOUT)
    await call.done_writing()
    assert await payloads(call) == []


async def custom_metadata(stub):
    call = stub.UnaryCall(LARGE_REQUEST, metadata=METADATA, timeout=TIMEOUT)
    expect_large(await call)
    expect_echoed(await call.initial_metadata(), await call.trailing_metadata())
    call = stub.FullDuplexCall(metadata=METADATA, timeout=TIMEOUT)
    await call.write(output(314159, 271828))
    await call.done_writing()
    assert await payloads(call) == [zeros(314159)]
    expect_echoed(await call.initial_metadata(), await call.trailing_metadata())


async def _echo_status(stub, message):
    status = EchoStatus(code=2, message=message)
    error = await expect_status(
        grpc.StatusCode.UNKNOWN, stub.UnaryCall(SimpleRequest(response_status=status), timeout=TIMEOUT))
    assert error.details() == message
    call = stub.FullDuplexCall(timeout=TIMEOUT)
    await call.write(StreamingOutputCallRequest(response_status=status))
    assert await call.code() == grpc.StatusCode.UNKNOWN
    assert await call.details() == message


async def status_code_and_message(stub):
    await _echo_status(stub, "test status message")


async def special_status_message(stub):
    await _echo_status(stub, SPECIAL_MESSAGE)


async def unimplemented_method(stub):
    await expect_status(grpc.StatusCode.UNIMPLEMENTED, stub.UnimplementedCall(Empty(), timeout=TIMEOUT))


async def unimplemented_service(stub):
    other = Stub(stub.channel, "UnimplementedService")
    await expect_status(grpc.StatusCode.UNIMPLEMENTED, other.UnimplementedCall(Empty(), timeout=TIMEOUT))


async def cancel_after_begin(stub):
    call = stub.StreamingInputCall(timeout=TIMEOUT)
    await asyncio.sleep(0)
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED


async def cancel_after_first_response(stub):
    call = stub.FullDuplexCall(timeout=TIMEOUT)
    await call.write(output(31415, 27182))
    assert (await call.read()).payload == zeros(31415)
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED


async def timeout_on_sleeping_server(stub):
    call = stub.FullDuplexCall(timeout=0.001)
    try:
        await call.write(StreamingOutputCallRequest(payload=zeros(27182)))
    except (grpc.RpcError, asyncio.InvalidStateError):
        pass  # the deadline may pass first
    assert await call.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def concurrent_large_unary(stub):
    await asyncio.gather(*(large_unary(stub) for _ in range(100)))


async def client_compressed_unary(stub, encoding):
    request = SimpleRequest(
        expect_compressed=BoolValue(value=True), response_size=314159, payload=zeros(271828))
    await expect_status(grpc.StatusCode.INVALID_ARGUMENT, stub.UnaryCall(request, timeout=TIMEOUT))
    expect_large(await stub.UnaryCall(request, compression=encoding, timeout=TIMEOUT))
    request.expect_compressed.value = False
    expect_large(await stub.UnaryCall(request, timeout=TIMEOUT))


async def server_compressed_unary(stub, encoding):
    for compressed in (True, False):
        request = SimpleRequest(
            response_compressed=BoolValue(value=compressed), response_size=314159, payload=zeros(271828))
        expect_large(await stub.UnaryCall(request, compression=encoding, timeout=TIMEOUT))


async def client_compressed_streaming(stub, encoding):
    def call(**options):
        request = StreamingInputCallRequest(expect_compressed=BoolValue(value=True), payload=zeros(27182))
        return stub.StreamingInputCall(iter([request, request]), timeout=TIMEOUT, **options)

    await expect_status(grpc.StatusCode.INVALID_ARGUMENT, call())
    assert (await call(compression=encoding)).aggregated_payload_size == 54364


async def server_compressed_streaming(stub, encoding):
    request = StreamingOutputCallRequest(response_parameters=COMPRESSED_RESPONSES)
    call = stub.StreamingOutputCall(request, compression=encoding, timeout=TIMEOUT)
    assert await payloads(call) == [zeros(31415), zeros(92653)]


CASES = [
    empty_unary, large_unary, client_streaming, server_streaming, ping_pong, half_duplex, empty_stream,
    custom_metadata, status_code_and_message, special_status_message, unimplemented_method, unimplemented_service,
    cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server, concurrent_large_unary,
]
# These also take an encoding.
COMPRESSED_CASES = [
    client_compressed_unary, server_compressed_unary, client_compressed_streaming, server_compressed_streaming,
]
