"""What every gRPC tool asks of a server: health, reflection and channelz, through grpcio's own clients for them."""

import signal

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from cluster import PATIENCE

SERVICES = ["belay.v1.JobService", "belay.v1.RestorePointService", "belay.v1.SessionService", "belay.v1.WorkerService"]
STANDARD = ["grpc.channelz.v1.Channelz", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def coordinator(cluster):
    cluster.start_coordinator()
    return cluster


# Health


def test_the_coordinator_and_each_service_is_healthy_once_it_runs(coordinator):
    health = health_pb2_grpc.HealthStub(coordinator.channel)
    for service in ["", *SERVICES]:
        # It listens before its state is read: the watch waits for that.
        for update in health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE):
            if update.status == SERVING:
                break
        assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE).status == SERVING
    with pytest.raises(grpc.RpcError) as refusal:
        health.Check(health_pb2.HealthCheckRequest(service="belay.v1.Nothing"), timeout=PATIENCE)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
    assert set(SERVICES) <= set(health.List(health_pb2.HealthListRequest(), timeout=PATIENCE).statuses)


def test_a_coordinator_that_is_told_to_stop_tells_its_watchers_and_does_not_wait_for_them(coordinator):
    watch = health_pb2_grpc.HealthStub(coordinator.channel).Watch(
        health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    told = [next(update.status for update in watch if update.status == SERVING)]
    coordinator.coordinator.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as end:
        for update in watch:
            told.append(update.status)
    assert told == [SERVING, NOT_SERVING]
    assert end.value.code() == grpc.StatusCode.UNAVAILABLE
    assert coordinator.coordinator.wait(timeout=PATIENCE) == 0


# Reflection


def names(file):
    """Every full name that a file of a pool declares."""
    def of_message(message):
        yield message.full_name
        yield from (field.full_name for field in message.fields)
        yield from (oneof.full_name for oneof in message.oneofs)
        yield from (enum.full_name for enum in message.enum_types)
        for nested in message.nested_types:
            yield from of_message(nested)

    for message in file.message_types_by_name.values():
        yield from of_message(message)
    yield from (enum.full_name for enum in file.enum_types_by_name.values())
    for service in file.services_by_name.values():
        yield service.full_name
        yield from (method.full_name for method in service.methods)


def test_reflection_tells_of_every_service_all_that_its_proto_file_says(coordinator):
    database = ProtoReflectionDescriptorDatabase(coordinator.channel)
    assert set(database.get_services()) == {*SERVICES, *STANDARD}
    pool = descriptor_pool.DescriptorPool(database)
    compiled = descriptor_pool.Default()
    for name in database.get_services():
        service = pool.FindServiceByName(name)
        for symbol in names(service.file):
            assert database.FindFileContainingSymbol(symbol).name == service.file.name, symbol
        if name not in SERVICES:
            continue
        # What protoc compiled from the same file says the same, field by field.
        ours, theirs = descriptor_pb2.ServiceDescriptorProto(), descriptor_pb2.ServiceDescriptorProto()
        service.CopyToProto(ours)
        compiled.FindServiceByName(name).CopyToProto(theirs)
        assert ours == theirs
        for method in service.methods:
            for message in (method.input_type, method.output_type):
                ours, theirs = descriptor_pb2.DescriptorProto(), descriptor_pb2.DescriptorProto()
                message.CopyToProto(ours)
                compiled.FindMessageTypeByName(message.full_name).CopyToProto(theirs)
                assert ours == theirs, message.full_name


def test_a_client_calls_by_reflection_alone(coordinator):
    coordinator.create_job("nightly")
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(coordinator.channel))
    method = pool.FindMethodByName("belay.v1.JobService.GetJob")
    request, response = (message_factory.GetMessageClass(message) for message in (method.input_type, method.output_type))
    call = coordinator.channel.unary_unary(
        "/belay.v1.JobService/GetJob", request_serializer=request.SerializeToString,
        response_deserializer=response.FromString)
    assert call(request(name="jobs/nightly"), timeout=PATIENCE).job.name == "jobs/nightly"


def ask(channel, version, *questions):
    """The answers of one stream."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    requests = [reflection_pb2.ServerReflectionRequest(**question) for question in questions]
    return list(call(iter(requests), timeout=PATIENCE))


def test_reflection_has_no_answer_for_what_is_not_there(coordinator):
    extension = reflection_pb2.ExtensionRequest(containing_type="belay.v1.Job", extension_number=100)
    answers = ask(coordinator.channel, "v1alpha", {"file_by_filename": "belay/v1/nothing.proto"},
                  {"file_containing_symbol": "belay.v1.Nothing"}, {"file_containing_extension": extension},
                  {"all_extension_numbers_of_type": "belay.v1.Nothing"},
                  {"all_extension_numbers_of_type": "belay.v1.Job"})
    not_found = grpc.StatusCode.NOT_FOUND.value[0]
    assert [answer.error_response.error_code for answer in answers] == [not_found] * 4 + [0]
    assert answers[4].all_extension_numbers_response.base_type_name == "belay.v1.Job"
    database = ProtoReflectionDescriptorDatabase(coordinator.channel)
    with pytest.raises(KeyError):
        database.FindFileByName("belay/v1/nothing.proto")
    assert database.FindFileByName("google/protobuf/timestamp.proto").package == "google.protobuf"


def test_reflection_v1_and_v1alpha_say_the_same(coordinator):
    questions = [{"list_services": "*"}, {"file_containing_symbol": "belay.v1.JobService"},
                 {"file_containing_symbol": "nothing"}]
    answers = ask(coordinator.channel, "v1", *questions)
    assert [answer.WhichOneof("message_response") for answer in answers] == [
        "list_services_response", "file_descriptor_response", "error_response"]
    assert answers == ask(coordinator.channel, "v1alpha", *questions)


# Channelz


def test_channelz_shows_the_coordinator_and_who_is_connected(coordinator):
    channelz = channelz_pb2_grpc.ChannelzStub(coordinator.channel)
    coordinator.create_job("nightly")
    servers = channelz.GetServers(channelz_pb2.GetServersRequest(), timeout=PATIENCE)
    assert servers.end
    [server] = servers.server
    assert server.ref.name == f"unix:{coordinator.socket}"
    assert server.data.calls_started >= 2 and server.data.calls_succeeded >= 1
    sockets = channelz.GetServerSockets(
        channelz_pb2.GetServerSocketsRequest(server_id=server.ref.server_id), timeout=PATIENCE)
    [socket] = [channelz.GetSocket(channelz_pb2.GetSocketRequest(socket_id=ref.socket_id), timeout=PATIENCE).socket
                for ref in sockets.socket_ref]
    assert socket.data.streams_started >= 4 and socket.data.messages_received >= 4
    assert socket.local.uds_address.filename == str(coordinator.socket)
    [listener] = server.listen_socket
    listening = channelz.GetSocket(channelz_pb2.GetSocketRequest(socket_id=listener.socket_id), timeout=PATIENCE)
    assert listening.socket.local.uds_address.filename == str(coordinator.socket)
    with pytest.raises(grpc.RpcError) as refusal:
        channelz.GetServer(channelz_pb2.GetServerRequest(server_id=1 << 40), timeout=PATIENCE)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
