"""Our client against grpcio's servers, and against our own."""

import pytest
from programs import run_client

CASES = [
    "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
    "custom_metadata", "status_code_and_message", "special_status_message", "unimplemented_method",
    "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "concurrent_large_unary", "rpc_soak", "channel_soak",
]


def expect_pass(case, server, security):
    ended = run_client("--server-port", server.port, "--test-case", case, "--concurrency", 100,
                       *security.client_arguments)
    assert (ended.returncode, ended.stdout) == (0, f"PASS {case}\n"), ended.stdout + ended.stderr


@pytest.mark.parametrize("case", CASES)
def test_against_grpcio(case, grpcio, security):
    expect_pass(case, grpcio, security)


@pytest.mark.parametrize("case", CASES)
def test_against_our_server(case, our_server, security):
    expect_pass(case, our_server, security)
