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


def expect_pass(case, server, security, *arguments):
    ended = run_client("--server-port", server.port, "--test-case", case, "--concurrency", 100,
                       *security.client_arguments, *arguments)
    assert (ended.returncode, ended.stdout) == (0, f"PASS {case}\n"), ended.stdout + ended.stderr


@pytest.mark.parametrize("case", CASES)
def test_against_grpcio(case, grpcio, security):
    expect_pass(case, grpcio, security)


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
@pytest.mark.parametrize("case", COMPRESSED + NOT_PROBED)
def test_compression_against_grpcio(case, compression, grpcio, security):
    expect_pass(case, grpcio, security, "--compression", compression)


@pytest.mark.parametrize("case", CASES)
def test_against_our_server(case, our_server, security):
    expect_pass(case, our_server, security)


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
@pytest.mark.parametrize("case", COMPRESSED + PROBED)
def test_compression_against_our_server(case, compression, our_server, security):
    expect_pass(case, our_server, security, "--compression", compression)
