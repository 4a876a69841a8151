"""grpcio's clients against our server: each case, by the names of gRPC's interop tests."""

import asyncio

import cases_aio
import cases_sync
import grpc
import pytest
from messages import Stub
from programs import InteropServer, run_client


@pytest.mark.parametrize("case", cases_sync.CASES, ids=lambda case: case.__name__)
def test_synchronous_client(case, security, our_server):
    with security.channel(grpc, our_server) as channel:
        case(Stub(channel))


@pytest.mark.parametrize("case", cases_aio.CASES, ids=lambda case: case.__name__)
def test_asyncio_client(case, security, our_server):
    async def run():
        async with security.channel(grpc.aio, our_server) as channel:
            await case(Stub(channel))

    asyncio.run(run())


ENCODINGS = [grpc.Compression.Gzip, grpc.Compression.Deflate]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("case", cases_sync.COMPRESSED_CASES, ids=lambda case: case.__name__)
def test_synchronous_client_with_compression(case, encoding, security, our_server):
    with security.channel(grpc, our_server) as channel:
        case(Stub(channel), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("case", cases_aio.COMPRESSED_CASES, ids=lambda case: case.__name__)
def test_asyncio_client_with_compression(case, encoding, security, our_server):
    async def run():
        async with security.channel(grpc.aio, our_server) as channel:
            await case(Stub(channel), encoding)

    asyncio.run(run())


@pytest.mark.parametrize("case", [cases_sync.server_compressed_unary, cases_sync.server_compressed_streaming],
                         ids=lambda case: case.__name__)
def test_synchronous_client_with_deflated_responses(case):
    server = InteropServer("--compression", "deflate")
    try:
        with grpc.insecure_channel(server.address) as channel:
            case(Stub(channel), grpc.Compression.NoCompression)
    finally:
        server.kill()


def test_unix_socket(tmp_path):
    server = InteropServer("--unix", tmp_path / "s")
    try:
        with grpc.insecure_channel(f"unix:{tmp_path / 's'}") as channel:
            cases_sync.large_unary(Stub(channel))
        ended = run_client("--unix", tmp_path / "s", "--test-case", "large_unary,ping_pong")
        assert ended.stdout == "PASS large_unary\nPASS ping_pong\n"
    finally:
        server.kill()
