"""Certificates that must not be believed, and peers that speak plaintext where TLS is spoken."""

import grpc
import pytest
from certificates import SERVER_NAME, Certificates
from messages import Empty, Stub
from programs import InteropServer, grpcio_server, run_client


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def strange_certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("strange"))


@pytest.fixture(scope="module", params=[InteropServer, grpcio_server], ids=["ours", "grpcio"])
def server(request, certificates):
    server = request.param("--tls-cert", certificates.certificate, "--tls-key", certificates.key)
    yield server
    server.kill()


def expect_refusal(server, *arguments):
    ended = run_client("--server-port", server.port, "--test-case", "empty_unary", *arguments)
    assert ended.returncode == 1 and "UNAVAILABLE" in ended.stdout, ended.stdout + ended.stderr


def test_our_client_refuses_another_authority(server, strange_certificates):
    expect_refusal(server, "--use-tls", "--ca", strange_certificates.authority, "--server-host-override", SERVER_NAME)


def test_our_client_refuses_another_name(server, certificates):
    expect_refusal(server, "--use-tls", "--ca", certificates.authority, "--server-host-override", "other.test")


def test_our_client_speaks_plaintext_to_tls(server):
    expect_refusal(server)


def test_grpcio_speaks_plaintext_to_our_tls(certificates):
    server = InteropServer("--tls-cert", certificates.certificate, "--tls-key", certificates.key)
    try:
        with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as error:
            Stub(channel).EmptyCall(Empty(), timeout=15)
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        with grpc.secure_channel(
                server.address, grpc.ssl_channel_credentials(certificates.authority.read_bytes())) as channel:
            Stub(channel).EmptyCall(Empty(), timeout=15)
    finally:
        server.kill()
