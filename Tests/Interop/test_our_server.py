"""grpcio's clients against our server: each case, by the names of gRPC's interop tests."""

import asyncio

import cases_aio
import cases_sync
import grpc
import pytest
from messages import Stub


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
