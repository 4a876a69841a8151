"""Exact codes, messages and ErrorInfo reasons, as a gRPC client in another language sees them."""

import grpc
import pytest
from belay.v1 import job_pb2, job_service_pb2, session_service_pb2, stop_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cluster import GRACEFUL, IMMEDIATE, PATIENCE

NOBODY = "jobs/nobody"


def error_info(error):
    """The ErrorInfo of a refusal, from grpc-status-details-bin."""
    status = rpc_status.from_call(error)
    assert status is not None, "the refusal carries no details"
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    raise AssertionError(f"no ErrorInfo among {status.details}")


def refused(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as refusal:
        call(*arguments, timeout=PATIENCE, **options)
    return refusal.value


@pytest.fixture
def coordinator(cluster):
    cluster.start_coordinator()
    return cluster


def test_a_stop_needs_a_mode(coordinator):
    coordinator.create_job()
    name = coordinator.start_job()
    error = refused(coordinator.sessions.StopSession, session_service_pb2.StopSessionRequest(name=name))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (error_info(error).reason, error_info(error).domain) == ("STOP_MODE_REQUIRED", "belay")


def test_r13_a_graceful_stop_of_a_restore_is_refused_without_effect(coordinator):
    settings = job_pb2.RestoreSettings(restore_point="restorePoints/none.1", target_directory="/nowhere/restored",
                                       format=job_pb2.DISK_IMAGE_FORMAT_RAW)
    coordinator.create_job("restore", ["vm1"], job_type=job_pb2.JOB_TYPE_RESTORE, restore=settings)
    name = coordinator.start_job("restore")
    before = coordinator.session(name)
    error = refused(coordinator.sessions.StopSession,
                    session_service_pb2.StopSessionRequest(name=name, mode=GRACEFUL))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "Graceful stop is not supported for Restore jobs; stop the job immediately instead"
    assert error_info(error).reason == "GRACEFUL_STOP_NOT_SUPPORTED"
    assert coordinator.session(name).sequence == before.sequence
    assert coordinator.stop(name, IMMEDIATE).disposition == stop_pb2.STOP_DISPOSITION_ACCEPTED


def test_stopping_a_job_that_does_not_run(coordinator):
    coordinator.create_job()
    request = job_service_pb2.StopJobRequest(name="jobs/nightly", mode=IMMEDIATE)
    error = refused(coordinator.jobs.StopJob, request)
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "Job nightly is not running")
    assert error_info(error).reason == "JOB_NOT_RUNNING"
    request.allow_not_running = True
    coordinator.jobs.StopJob(request, timeout=PATIENCE)


def test_a_second_start_is_aborted_and_names_the_running_session(coordinator):
    coordinator.create_job()
    name = coordinator.start_job()
    error = refused(coordinator.jobs.StartJob, job_service_pb2.StartJobRequest(name="jobs/nightly"))
    assert error.code() == grpc.StatusCode.ABORTED
    info = error_info(error)
    assert info.reason == "SESSION_ACTIVE"
    assert name.split("/")[-1] in str(info.metadata)


@pytest.mark.parametrize("call, request_type", [
    ("GetJob", job_service_pb2.GetJobRequest), ("StartJob", job_service_pb2.StartJobRequest),
    ("DeleteJob", job_service_pb2.DeleteJobRequest)])
def test_a_job_that_does_not_exist_is_not_found(coordinator, call, request_type):
    error = refused(getattr(coordinator.jobs, call), request_type(name=NOBODY))
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert "nobody" in error.details()


def test_a_name_of_the_wrong_form_is_an_invalid_argument(coordinator):
    for name in ["", "nightly", "jobs/", "jobs/UPPER", "jobs/a/b", "jobs/../etc"]:
        error = refused(coordinator.jobs.GetJob, job_service_pb2.GetJobRequest(name=name))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, name


def test_starting_a_type_that_is_not_built_is_unimplemented(coordinator):
    coordinator.create_job("copy", job_type=job_pb2.JOB_TYPE_FILE_COPY)
    error = refused(coordinator.jobs.StartJob, job_service_pb2.StartJobRequest(name="jobs/copy"))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_rpcs_that_are_not_built_are_unimplemented(coordinator):
    error = refused(coordinator.sessions.PreviewStop, session_service_pb2.PreviewStopRequest(name="jobs/a/sessions/b"))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_stale_etag_is_aborted(coordinator):
    job = coordinator.create_job()
    error = refused(coordinator.jobs.DeleteJob, job_service_pb2.DeleteJobRequest(name=job.name, etag="stale"))
    assert (error.code(), error_info(error).reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


def test_a_page_token_that_is_not_ours_is_refused(coordinator):
    error = refused(coordinator.jobs.ListJobs, job_service_pb2.ListJobsRequest(page_token="bogus"))
    assert (error.code(), error_info(error).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_PAGE_TOKEN")


def test_a_watch_ends_at_its_deadline_and_leaves_the_session_alone(coordinator):
    coordinator.create_job()
    name = coordinator.start_job()
    stream = coordinator.sessions.WatchSession(session_service_pb2.WatchSessionRequest(name=name), timeout=0.5)
    with pytest.raises(grpc.RpcError) as end:
        for _ in stream:
            pass
    assert end.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert coordinator.session(name).result == 0


def test_a_canceled_watch_leaves_the_session_alone(coordinator):
    coordinator.create_job()
    name = coordinator.start_job()
    stream = coordinator.watch(name)
    assert next(stream).WhichOneof("kind") == "snapshot"
    stream.cancel()
    with pytest.raises(grpc.RpcError) as end:
        for _ in stream:
            pass
    assert end.value.code() == grpc.StatusCode.CANCELLED
    assert coordinator.session(name).result == 0


def test_a_watch_of_a_whole_run_sees_every_sequence_number_once_and_closes_ok(coordinator):
    coordinator.create_job()
    name = coordinator.start_job()
    stream = coordinator.watch(name)
    snapshot = next(stream).snapshot
    coordinator.start_worker()
    sequences = [message.event.sequence for message in stream if message.WhichOneof("kind") == "event"]
    assert sequences == list(range(snapshot.sequence + 1, snapshot.sequence + 1 + len(sequences)))
    assert stream.code() == grpc.StatusCode.OK
    again = coordinator.watch(name, after_sequence=sequences[2])
    next(again)
    seen = [message.event.sequence for message in again if message.WhichOneof("kind") == "event"]
    # What is recorded once nothing is owed any more may have followed the end.
    assert seen[:len(sequences) - 3] == sequences[3:]
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def test_an_unknown_method_is_unimplemented(coordinator):
    call = coordinator.channel.unary_unary("/belay.v1.JobService/Nothing", lambda _: b"", lambda data: data)
    assert refused(call, None).code() == grpc.StatusCode.UNIMPLEMENTED


def test_bytes_that_are_no_message_are_refused(coordinator):
    call = coordinator.channel.unary_unary("/belay.v1.JobService/GetJob", lambda data: data, lambda data: data)
    for body in [b"\x0a\xff\xff\xff\xff\x07", b"\xff" * 64, b"\x0a\x02\xc3\x28", b"\x0a\x03a\x00b"]:
        assert refused(call, body).code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT), body
