"""The interop client and server that gRPC itself wrote, in Ruby on gRPC's C core, as Debian ships them."""

import pathlib
import socket
import subprocess
import time

import pytest
from programs import PATIENCE, InteropServer, run_client

PROGRAMS = next(pathlib.Path("/usr/lib").glob("*/rubygems-integration/*/gems/grpc-*/src/ruby/pb/test"), None)

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="ruby-grpc is not installed: see Deploy/setup --tests")

CLIENT_CASES = [
    "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
    "custom_metadata", "status_code_and_message", "unimplemented_method", "unimplemented_service",
    "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "client_compressed_unary", "client_compressed_streaming",
]
SERVER_CASES = [
    "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
    "custom_metadata", "status_code_and_message", "special_status_message", "unimplemented_method",
    "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "concurrent_large_unary", "rpc_soak", "channel_soak",
    "client_compressed_unary_noprobe", "client_compressed_streaming_noprobe",
]


def ruby(program, *arguments):
    return ["ruby", f"-I{PROGRAMS.parent}", PROGRAMS / program, *map(str, arguments)]


class Plaintext:
    our_server = our_client = their_server = their_client = ()


class TLS:
    """With gRPC's own test certificates, which the Ruby programs insist on."""

    _name = "foo.test.google.fr"
    _data = PROGRAMS and PROGRAMS.parents[1] / "spec" / "testdata"
    our_server = ("--tls-cert", f"{_data}/server1.pem", "--tls-key", f"{_data}/server1.key")
    our_client = ("--use-tls", "--ca", f"{_data}/ca.pem", "--server-host-override", _name)
    their_server = ("--use_tls", "true")
    their_client = ("--use_tls", "true", "--use_test_ca", "true", "--server_host_override", _name)


@pytest.fixture(scope="module", params=[Plaintext, TLS], ids=["plaintext", "tls"])
def security(request):
    return request.param


@pytest.fixture(scope="module")
def our_server(security):
    server = InteropServer(*security.our_server)
    yield server
    server.kill()


@pytest.mark.parametrize("case", CLIENT_CASES)
def test_their_client_against_our_server(case, our_server, security):
    ended = subprocess.run(
        ruby("client.rb", "--server_host", "127.0.0.1", "--server_port", our_server.port, "--test_case", case,
             *security.their_client),
        capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"OK: {case}" in ended.stdout


@pytest.fixture(scope="module")
def their_server(security):
    """The port of their server, which does not say when it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(ruby("server.rb", "--port", port, *security.their_server), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None and time.monotonic() < deadline, "their server does not listen"
            time.sleep(0.05)
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def against_their_server(their_server, security):
    """What our client says of each case, in one run."""
    # Their server has thirty threads, and refuses calls when all are busy.
    ended = run_client("--server-port", their_server, "--test-case", ",".join(SERVER_CASES), "--concurrency", 20,
                       *security.our_client)
    said = ended.stdout.splitlines()
    assert len(said) == len(SERVER_CASES), ended.stdout + ended.stderr
    return dict(zip(SERVER_CASES, said))


@pytest.mark.parametrize("case", SERVER_CASES)
def test_our_client_against_their_server(case, against_their_server):
    assert against_their_server[case] == f"PASS {case}"
