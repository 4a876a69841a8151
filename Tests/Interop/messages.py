"""grpc.testing's messages and methods, for grpcio, from the protos beside this file.

They are not imported as `grpc.testing.…_pb2`: the package `grpc` is grpcio's own.
"""

import pathlib
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

_PROTOS = pathlib.Path(__file__).parent / "Proto"
_FILES = ["grpc/testing/empty.proto", "grpc/testing/messages.proto", "grpc/testing/test.proto"]


def _pool():
    pool = descriptor_pool.DescriptorPool()
    with tempfile.NamedTemporaryFile() as compiled:
        if protoc.main(["protoc", f"-I{_PROTOS}", f"--descriptor_set_out={compiled.name}", *_FILES]) != 0:
            raise RuntimeError("grpcio-tools could not compile the protos")
        for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read()).file:
            pool.Add(file)
    return pool


_POOL = _pool()


def _message(name):
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"grpc.testing.{name}"))


BoolValue = _message("BoolValue")
EchoStatus = _message("EchoStatus")
Empty = _message("Empty")
Payload = _message("Payload")
ResponseParameters = _message("ResponseParameters")
SimpleRequest = _message("SimpleRequest")
SimpleResponse = _message("SimpleResponse")
StreamingInputCallRequest = _message("StreamingInputCallRequest")
StreamingInputCallResponse = _message("StreamingInputCallResponse")
StreamingOutputCallRequest = _message("StreamingOutputCallRequest")
StreamingOutputCallResponse = _message("StreamingOutputCallResponse")


def zeros(count):
    return Payload(body=bytes(count))


def _methods(service):
    for method in _POOL.FindServiceByName(f"grpc.testing.{service}").methods:
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        shape = "_".join("stream" if streams else "unary"
                         for streams in (method.client_streaming, method.server_streaming))
        yield method.name, shape, request, response


class Stub:
    """The methods of a service as callables of a channel, of grpc or of grpc.aio."""

    def __init__(self, channel, service="TestService"):
        self.channel = channel
        for name, shape, request, response in _methods(service):
            make = getattr(channel, shape)
            setattr(self, name, make(f"/grpc.testing.{service}/{name}",
                                     request_serializer=request.SerializeToString,
                                     response_deserializer=response.FromString))


def handler(implementation, service="TestService"):
    """A generic handler for the methods that `implementation` has; the others are UNIMPLEMENTED."""
    handlers = {}
    for name, shape, request, response in _methods(service):
        if hasattr(implementation, name):
            make = getattr(grpc, f"{shape}_rpc_method_handler")
            handlers[name] = make(getattr(implementation, name), request_deserializer=request.FromString,
                                  response_serializer=response.SerializeToString)
    return grpc.method_handlers_generic_handler(f"grpc.testing.{service}", handlers)
