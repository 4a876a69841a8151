"""The interop cases as grpcio's synchronous client makes them; each takes a stub."""

import queue

import grpc
from expectations import (
    COMPRESSED_RESPONSES, METADATA, LARGE_REQUEST, RESPONSE_SIZES, REQUEST_SIZES, SPECIAL_MESSAGE, expect_echoed,
    expect_large, output)
from messages import (
    BoolValue, EchoStatus, Empty, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest, Stub, zeros)

TIMEOUT = 15


class Requests:
    """Requests that are sent as they are put; `end` half-closes."""

    def __init__(self):
        self._queue = queue.Queue()

    def put(self, request):
        self._queue.put(request)

    def end(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


def expect_status(code, call):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError(f"the status is OK, not {code}")


def empty_unary(stub):
    assert stub.EmptyCall(Empty(), timeout=TIMEOUT) == Empty()


def large_unary(stub):
    expect_large(stub.UnaryCall(LARGE_REQUEST, timeout=TIMEOUT))


def cacheable_unary(stub):
    response, call = stub.CacheableUnaryCall.with_call(SimpleRequest(), timeout=TIMEOUT)
    assert int(response.payload.body) > 0
    assert ("cache-control", "max-age=60, public") in tuple(map(tuple, call.initial_metadata()))


def client_streaming(stub):
    requests = (StreamingInputCallRequest(payload=zeros(size)) for size in REQUEST_SIZES)
    assert stub.StreamingInputCall(requests, timeout=TIMEOUT).aggregated_payload_size == 74922


def server_streaming(stub):
    request = StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=size) for size in RESPONSE_SIZES])
    responses = list(stub.StreamingOutputCall(request, timeout=TIMEOUT))
    assert [response.payload for response in responses] == [zeros(size) for size in RESPONSE_SIZES]


def ping_pong(stub):
    requests = Requests()
    responses = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)
    for sent, wanted in zip(REQUEST_SIZES, RESPONSE_SIZES):
        requests.put(output(wanted, sent))
        assert next(responses).payload == zeros(wanted)
    requests.end()
    assert list(responses) == []


def half_duplex(stub):
    requests = Requests()
    responses = stub.HalfDuplexCall(iter(requests), timeout=TIMEOUT)
    for sent, wanted in zip(REQUEST_SIZES, RESPONSE_SIZES):
        requests.put(output(wanted, sent))
    requests.end()
    assert [response.payload for response in responses] == [zeros(size) for size in RESPONSE_SIZES]


def empty_stream(stub):
    assert list(stub.FullDuplexCall(iter(()), timeout=TIMEOUT)) == []


def custom_metadata(stub):
    response, call = stub.UnaryCall.with_call(LARGE_REQUEST, metadata=METADATA, timeout=TIMEOUT)
    expect_large(response)
    expect_echoed(call.initial_metadata(), call.trailing_metadata())
    call = stub.FullDuplexCall(iter([output(314159, 271828)]), metadata=METADATA, timeout=TIMEOUT)
    assert [response.payload for response in call] == [zeros(314159)]
    expect_echoed(call.initial_metadata(), call.trailing_metadata())


def _echo_status(stub, message):
    status = EchoStatus(code=2, message=message)
    error = expect_status(
        grpc.StatusCode.UNKNOWN,
        lambda: stub.UnaryCall(SimpleRequest(response_status=status), timeout=TIMEOUT))
    assert error.details() == message
    requests = [StreamingOutputCallRequest(response_status=status)]
    error = expect_status(
        grpc.StatusCode.UNKNOWN, lambda: list(stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)))
    assert error.details() == message


def status_code_and_message(stub):
    _echo_status(stub, "test status message")


def special_status_message(stub):
    _echo_status(stub, SPECIAL_MESSAGE)


def unimplemented_method(stub):
    expect_status(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.UnimplementedCall(Empty(), timeout=TIMEOUT))


def unimplemented_service(stub):
    other = Stub(stub.channel, "UnimplementedService")
    expect_status(grpc.StatusCode.UNIMPLEMENTED, lambda: other.UnimplementedCall(Empty(), timeout=TIMEOUT))


def cancel_after_begin(stub):
    requests = Requests()
    call = stub.StreamingInputCall.future(iter(requests), timeout=TIMEOUT)
    call.cancel()
    assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED
    requests.end()


def cancel_after_first_response(stub):
    requests = Requests()
    call = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)
    requests.put(output(31415, 27182))
    assert next(call).payload == zeros(31415)
    call.cancel()
    expect_status(grpc.StatusCode.CANCELLED, lambda: next(call))
    requests.end()


def timeout_on_sleeping_server(stub):
    requests = Requests()
    requests.put(StreamingOutputCallRequest(payload=zeros(27182)))
    expect_status(
        grpc.StatusCode.DEADLINE_EXCEEDED, lambda: list(stub.FullDuplexCall(iter(requests), timeout=0.001)))
    requests.end()


def concurrent_large_unary(stub):
    calls = [stub.UnaryCall.future(LARGE_REQUEST, timeout=TIMEOUT) for _ in range(100)]
    for call in calls:
        expect_large(call.result())


def client_compressed_unary(stub, encoding):
    request = SimpleRequest(
        expect_compressed=BoolValue(value=True), response_size=314159, payload=zeros(271828))
    expect_status(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.UnaryCall(request, timeout=TIMEOUT))
    expect_large(stub.UnaryCall(request, compression=encoding, timeout=TIMEOUT))
    request.expect_compressed.value = False
    expect_large(stub.UnaryCall(request, timeout=TIMEOUT))


def server_compressed_unary(stub, encoding):
    for compressed in (True, False):
        request = SimpleRequest(
            response_compressed=BoolValue(value=compressed), response_size=314159, payload=zeros(271828))
        expect_large(stub.UnaryCall(request, compression=encoding, timeout=TIMEOUT))


def client_compressed_streaming(stub, encoding):
    def call(**options):
        request = StreamingInputCallRequest(expect_compressed=BoolValue(value=True), payload=zeros(27182))
        return stub.StreamingInputCall(iter([request, request]), timeout=TIMEOUT, **options)

    expect_status(grpc.StatusCode.INVALID_ARGUMENT, call)
    assert call(compression=encoding).aggregated_payload_size == 54364


def server_compressed_streaming(stub, encoding):
    request = StreamingOutputCallRequest(response_parameters=COMPRESSED_RESPONSES)
    responses = list(stub.StreamingOutputCall(request, compression=encoding, timeout=TIMEOUT))
    assert [response.payload for response in responses] == [zeros(31415), zeros(92653)]


CASES = [
    empty_unary, large_unary, cacheable_unary, client_streaming, server_streaming, ping_pong, half_duplex,
    empty_stream, custom_metadata, status_code_and_message, special_status_message, unimplemented_method,
    unimplemented_service, cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server,
    concurrent_large_unary,
]
# These also take an encoding.
COMPRESSED_CASES = [
    client_compressed_unary, server_compressed_unary, client_compressed_streaming, server_compressed_streaming,
]
