"""grpc.testing.TestService on grpcio, as a process: the peer of grpc-interop-client.

Prints where it listens, once it does; SIGTERM lets the calls under way finish. It does not see whether a request is compressed (grpcio does not tell).
"""

import argparse
import asyncio
import concurrent.futures
import pathlib
import signal
import time

import grpc

import messages
from messages import Empty, SimpleResponse, StreamingInputCallResponse, StreamingOutputCallResponse, zeros

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def echoes(context):
    """What a call's metadata asks to have back, with the initial and with the trailing metadata."""
    metadata = context.invocation_metadata() or ()
    return (tuple((key, value) for key, value in metadata if key == INITIAL),
            tuple((key, value) for key, value in metadata if key == TRAILING))


def code(number):
    return next(code for code in grpc.StatusCode if code.value[0] == number)


class SyncService:
    def __init__(self, compression):
        self.compression = compression

    def EmptyCall(self, request, context):
        return Empty()

    def UnaryCall(self, request, context):
        if request.response_compressed.value:
            context.set_compression(self.compression)
        self._begin(context)
        self._end_if_asked(request, context)
        return SimpleResponse(payload=zeros(request.response_size))

    def StreamingOutputCall(self, request, context):
        if any(parameters.compressed.value for parameters in request.response_parameters):
            context.set_compression(self.compression)
        self._begin(context)
        yield from self._answer(request, context)

    def StreamingInputCall(self, requests, context):
        self._begin(context)
        return StreamingInputCallResponse(
            aggregated_payload_size=sum(len(request.payload.body) for request in requests))

    def FullDuplexCall(self, requests, context):
        self._begin(context)
        for request in requests:
            yield from self._answer(request, context)

    def _begin(self, context):
        initial, trailing = echoes(context)
        context.send_initial_metadata(initial)
        context.set_trailing_metadata(trailing)

    def _end_if_asked(self, request, context):
        if request.response_status.code:
            context.abort(code(request.response_status.code), request.response_status.message)

    def _answer(self, request, context):
        self._end_if_asked(request, context)
        for parameters in request.response_parameters:
            time.sleep(parameters.interval_us / 1e6)
            if parameters.HasField("compressed") and not parameters.compressed.value:
                context.disable_next_message_compression()
            yield StreamingOutputCallResponse(payload=zeros(parameters.size))


class AioService:
    def __init__(self, compression):
        self.compression = compression

    async def EmptyCall(self, request, context):
        return Empty()

    async def UnaryCall(self, request, context):
        if request.response_compressed.value:
            context.set_compression(self.compression)
        await self._begin(context)
        await self._end_if_asked(request, context)
        return SimpleResponse(payload=zeros(request.response_size))

    async def StreamingOutputCall(self, request, context):
        if any(parameters.compressed.value for parameters in request.response_parameters):
            context.set_compression(self.compression)
        await self._begin(context)
        async for response in self._answer(request, context):
            yield response

    async def StreamingInputCall(self, requests, context):
        await self._begin(context)
        size = 0
        async for request in requests:
            size += len(request.payload.body)
        return StreamingInputCallResponse(aggregated_payload_size=size)

    async def FullDuplexCall(self, requests, context):
        await self._begin(context)
        async for request in requests:
            async for response in self._answer(request, context):
                yield response

    async def _begin(self, context):
        initial, trailing = echoes(context)
        await context.send_initial_metadata(initial)
        context.set_trailing_metadata(trailing)

    async def _end_if_asked(self, request, context):
        if request.response_status.code:
            await context.abort(code(request.response_status.code), request.response_status.message)

    async def _answer(self, request, context):
        await self._end_if_asked(request, context)
        for parameters in request.response_parameters:
            await asyncio.sleep(parameters.interval_us / 1e6)
            if parameters.HasField("compressed") and not parameters.compressed.value:
                context.disable_next_message_compression()
            yield StreamingOutputCallResponse(payload=zeros(parameters.size))


GRACE = 10  # seconds for the calls under way


def options(arguments):
    if not arguments.max_age_ms:
        return []
    return [("grpc.max_connection_age_ms", arguments.max_age_ms)]


def listen(server, arguments):
    address = f"127.0.0.1:{arguments.port}"
    if arguments.tls_cert:
        key, cert = (pathlib.Path(path).read_bytes() for path in (arguments.tls_key, arguments.tls_cert))
        port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, cert)]))
    else:
        port = server.add_insecure_port(address)
    return f"listening on 127.0.0.1:{port}"


def serve_sync(arguments, compression):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=32), options=options(arguments))
    server.add_generic_rpc_handlers([messages.handler(SyncService(compression))])
    line = listen(server, arguments)
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(GRACE))
    print(line, flush=True)
    server.wait_for_termination()


async def serve_aio(arguments, compression):
    server = grpc.aio.server(options=options(arguments))
    server.add_generic_rpc_handlers([messages.handler(AioService(compression))])
    line = listen(server, arguments)
    await server.start()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(server.stop(GRACE)))
    print(line, flush=True)
    await server.wait_for_termination()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flavour", choices=["sync", "aio"], default="aio")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--compression", choices=["Gzip", "Deflate"], default="Gzip")
    parser.add_argument("--max-age-ms", type=int, help="how old a connection gets")
    arguments = parser.parse_args()
    compression = getattr(grpc.Compression, arguments.compression)
    if arguments.flavour == "sync":
        serve_sync(arguments, compression)
    else:
        asyncio.run(serve_aio(arguments, compression))


if __name__ == "__main__":
    main()
