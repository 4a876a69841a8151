"""What the interop cases send and expect, whoever the client is."""

from messages import BoolValue, ResponseParameters, SimpleRequest, StreamingOutputCallRequest, zeros

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
METADATA = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
            ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
COMPRESSED_RESPONSES = [ResponseParameters(size=31415, compressed=BoolValue(value=True)),
                        ResponseParameters(size=92653, compressed=BoolValue(value=False))]
LARGE_REQUEST = SimpleRequest(response_size=314159, payload=zeros(271828))


def output(size, sent):
    """A request of `sent` bytes for a response of `size` bytes."""
    return StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=size)], payload=zeros(sent))


def expect_large(response):
    assert response.payload == zeros(314159)


def expect_echoed(initial, trailing):
    assert METADATA[0] in tuple(map(tuple, initial))
    assert METADATA[1] in tuple(map(tuple, trailing))
