"""Fixtures: our server and grpcio's, in plaintext and behind TLS, started once for all tests."""

import tempfile

import grpc
import pytest
from certificates import SERVER_NAME, Certificates
from programs import InteropServer, grpcio_server


class Plaintext:
    server_arguments = client_arguments = ()

    def channel(self, package, server):
        return package.insecure_channel(server.address)


class TLS:
    def __init__(self, certificates):
        self.server_arguments = ("--tls-cert", certificates.certificate, "--tls-key", certificates.key)
        self.client_arguments = ("--use-tls", "--ca", certificates.authority, "--server-host-override", SERVER_NAME)
        self._credentials = grpc.ssl_channel_credentials(certificates.authority.read_bytes())

    def channel(self, package, server):
        return package.secure_channel(server.address, self._credentials,
                                      options=[("grpc.ssl_target_name_override", SERVER_NAME)])


@pytest.fixture(scope="session", params=["plaintext", "tls"])
def security(request):
    if request.param == "plaintext":
        yield Plaintext()
    else:
        with tempfile.TemporaryDirectory(prefix="interop-") as directory:
            yield TLS(Certificates(directory))


@pytest.fixture(scope="session")
def our_server(security):
    """Our server; once all tests are through it must have no call left, and nothing to say on standard error."""
    server = InteropServer(*security.server_arguments)
    try:
        yield server
        assert server.open()[:2] == (0, 0)
        server.stop()
        assert (server.process.returncode, server.log()) == (0, "")
    finally:
        server.kill()


@pytest.fixture(scope="session", params=["sync", "aio"])
def grpcio(request, security):
    """A server of grpcio's; one compresses by gzip, the other by deflate."""
    compression = {"sync": "Gzip", "aio": "Deflate"}[request.param]
    server = grpcio_server("--flavour", request.param, "--compression", compression, *security.server_arguments)
    yield server
    server.kill()
