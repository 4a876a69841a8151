"""Our client against grpcio's servers, and against our own."""

import pytest
from programs import run_client

CASES = [
    "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
    "custom_metadata", "status_code_and_message", "special_status_message", "unimplemented_method",
    "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "concurrent_large_unary", "rpc_soak", "channel_soak",
]
COMPRESSED = ["server_compressed_unary", "server_compressed_streaming"]
# grpcio's servers do not see whether a request is compressed, so that they can't refuse the probe.
NOT_PROBED = ["client_compressed_unary_noprobe", "client_compressed_streaming_noprobe"]
PROBED = ["client_compressed_unary", "client_compressed_streaming"]


ENCODINGS = ["gzip", "deflate"]


def outcomes(server, security, cases, encoded):
    """What our client says of each case, with each encoding that the case can tell from another: one run for each."""
    lines = {}
    for encoding in ENCODINGS:
        names = cases + encoded if encoding == ENCODINGS[0] else encoded
        ended = run_client("--server-port", server.port, "--test-case", ",".join(names), "--concurrency", 100,
                           "--compression", encoding, *security.client_arguments)
        said = ended.stdout.splitlines()
        assert len(said) == len(names), ended.stdout + ended.stderr
        lines.update({(name, encoding): line for name, line in zip(names, said)})
    return lines


@pytest.fixture(scope="session")
def against_grpcio(grpcio, security):
    return outcomes(grpcio, security, CASES, COMPRESSED + NOT_PROBED)


@pytest.fixture(scope="session")
def against_our_server(our_server, security):
    return outcomes(our_server, security, CASES, COMPRESSED + PROBED)


@pytest.mark.parametrize("case", CASES)
def test_against_grpcio(case, against_grpcio):
    assert against_grpcio[case, "gzip"] == f"PASS {case}"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("case", COMPRESSED + NOT_PROBED)
def test_compression_against_grpcio(case, encoding, against_grpcio):
    assert against_grpcio[case, encoding] == f"PASS {case}"


@pytest.mark.parametrize("case", CASES)
def test_against_our_server(case, against_our_server):
    assert against_our_server[case, "gzip"] == f"PASS {case}"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("case", COMPRESSED + PROBED)
def test_compression_against_our_server(case, encoding, against_our_server):
    assert against_our_server[case, encoding] == f"PASS {case}"
