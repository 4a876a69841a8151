"""TLS and mutual TLS between coordinator, workers, operators and grpcio; sockets that systemd hands over."""

import os
import socket
import sys
import time

import grpc
import pytest
from belay.v1 import job_service_pb2, job_service_pb2_grpc, session_pb2

from certificates import Authority
from cluster import PATIENCE

# What systemd does between fork and exec: the sockets become the descriptors from 3 on (sd_listen_fds(3)).
SYSTEMD = """
import os, sys
sockets = [int(number) for number in sys.argv[1].split(",")]
for index, descriptor in enumerate(sockets):
    os.dup2(descriptor, 3 + index)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def authority(cluster):
    return Authority(cluster.directory)


@pytest.fixture
def server_options(cluster, authority):
    """TLS on every address of this machine, for clients who say `localhost`."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    cluster.address = f"localhost:{port}"
    certificate, key = authority.issue("coordinator", "DNS:localhost")
    return ["--tls-cert", certificate, "--tls-key", key]


@pytest.fixture
def with_tls(cluster, authority, server_options):
    """A coordinator with TLS; clients believe its authority."""
    cluster.client_options = ["--tls-ca", authority.certificate]
    cluster.credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    cluster.start_coordinator(*server_options, listen=everywhere(cluster))
    return cluster


@pytest.fixture
def with_mutual_tls(cluster, authority, server_options):
    """A coordinator that admits only those with a certificate of the authority; clients have one."""
    certificate, key = authority.issue("operator")
    cluster.client_options = ["--tls-ca", authority.certificate, "--tls-cert", certificate, "--tls-key", key]
    cluster.credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(), key.read_bytes(), certificate.read_bytes())
    cluster.start_coordinator(
        *server_options, "--tls-client-ca", authority.certificate, listen=everywhere(cluster))
    return cluster


def everywhere(cluster):
    return f"0.0.0.0:{cluster.address.rsplit(':')[-1]}"


def back_up(cluster):
    """A job through the command, and one through grpcio."""
    cluster.start_worker()
    created = cluster.belay("job", "create", "by-command", "--vm", "vm1")
    assert created.returncode == 0, created.stderr
    run = cluster.belay("job", "start", "by-command", "--watch")
    assert run.returncode == 0, run.stdout + run.stderr + cluster.log("w1")
    cluster.create_job("by-grpcio", ["vm2"])
    assert cluster.run_to_the_end("by-grpcio").result == session_pb2.SESSION_RESULT_SUCCESS
    assert sorted(point.virtual_machine for point in cluster.list_restore_points()) == ["vm1", "vm2"]


def assert_unreachable(cluster, *texts, options, **more):
    run = cluster.belay("job", "list", client_options=options, **more)
    assert run.returncode == 2, run.stdout + run.stderr
    for text in texts:
        assert text in run.stderr


def assert_refuses(cluster, credentials):
    with grpc.secure_channel(cluster.address, credentials, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        with pytest.raises(grpc.RpcError) as refusal:
            job_service_pb2_grpc.JobServiceStub(channel).ListJobs(job_service_pb2.ListJobsRequest(), timeout=PATIENCE)
        assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE


def wait_for_log(cluster, name, text):
    deadline = time.monotonic() + PATIENCE
    while text not in cluster.log(name):
        assert time.monotonic() < deadline, f"{name} never said {text!r}:\n{cluster.log(name)}"
        time.sleep(0.1)  # A log has no event to wait for.


# TLS


def test_a_backup_over_tls(with_tls):
    back_up(with_tls)


def test_a_coordinator_of_another_authority_is_not_believed(with_tls):
    stranger = Authority(with_tls.directory, "stranger")
    assert_unreachable(with_tls, "which is not among the trusted authorities", "--tls-ca",
                       options=["--tls-ca", stranger.certificate])
    assert_refuses(with_tls, grpc.ssl_channel_credentials(stranger.certificate.read_bytes()))
    with_tls.start_worker(options=["--tls-ca", stranger.certificate])
    wait_for_log(with_tls, "w1", "which is not among the trusted authorities")


def test_the_certificate_must_be_for_the_name(with_tls, authority):
    trust = ["--tls-ca", authority.certificate]
    assert_unreachable(with_tls, "not for the name that was asked for, but for localhost", "--tls-server-name",
                       options=[*trust, "--tls-server-name", "elsewhere.test"])
    port = with_tls.address.rsplit(":")[-1]
    with_tls.address = f"127.0.0.1:{port}"
    assert_unreachable(with_tls, "but for localhost", options=trust)
    named = with_tls.belay("job", "list", client_options=[*trust, "--tls-server-name", "localhost"])
    assert named.returncode == 0, named.stderr


def test_plaintext_to_a_tls_port_is_refused_and_says_what_to_add(with_tls):
    assert_unreachable(with_tls, "add --tls-ca FILE, or --tls", options=[])


def test_the_environment_stands_for_the_options(with_mutual_tls):
    names = ["BELAY_TLS_CA", "BELAY_TLS_CERT", "BELAY_TLS_KEY"]
    files = [str(value) for value in with_mutual_tls.client_options[1::2]]
    run = with_mutual_tls.belay("job", "list", client_options=[], env=os.environ | dict(zip(names, files)))
    assert run.returncode == 0, run.stderr


def test_a_replaced_certificate_is_used_without_a_restart(with_tls, server_options):
    successor = Authority(with_tls.directory, "successor")
    for old, new in zip(server_options[1::2], successor.issue("coordinator", "DNS:localhost")):
        new.rename(old)
    deadline = time.monotonic() + PATIENCE
    while with_tls.belay("job", "list", client_options=["--tls-ca", successor.certificate]).returncode != 0:
        assert time.monotonic() < deadline, with_tls.log("coordinator")
        time.sleep(0.5)  # The files are looked at every few seconds.
    assert_unreachable(with_tls, "which is not among the trusted authorities", options=with_tls.client_options)


# Mutual TLS


def test_a_backup_over_mutual_tls(with_mutual_tls):
    back_up(with_mutual_tls)


def test_who_shows_no_certificate_is_refused(with_mutual_tls, authority):
    trust = ["--tls-ca", authority.certificate]
    assert_unreachable(with_mutual_tls, "certificate", "--tls-cert", options=trust)
    assert_refuses(with_mutual_tls, grpc.ssl_channel_credentials(authority.certificate.read_bytes()))
    with_mutual_tls.start_worker(options=trust)
    wait_for_log(with_mutual_tls, "w1", "The connection to the coordinator is lost")
    assert with_mutual_tls.belay("worker", "list", "--output", "name").stdout == ""


def test_a_certificate_of_another_authority_is_refused(with_mutual_tls, authority):
    certificate, key = Authority(with_mutual_tls.directory, "stranger").issue("operator")
    assert_unreachable(
        with_mutual_tls, "certificate",
        options=["--tls-ca", authority.certificate, "--tls-cert", certificate, "--tls-key", key])
    assert_refuses(with_mutual_tls, grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(), key.read_bytes(), certificate.read_bytes()))


# Wrong usage


def test_plaintext_beyond_this_machine_is_refused_and_says_what_to_add(cluster):
    process = cluster.launch_coordinator("--listen", "0.0.0.0:0")
    assert process.wait(PATIENCE) == 64
    for text in ["0.0.0.0", "--tls-cert", "--tls-key", "--insecure-allow-remote"]:
        assert text in cluster.log("coordinator")


def test_certificates_that_cannot_be_used_stop_the_coordinator_at_once(cluster, authority):
    certificate, _ = authority.issue("coordinator", "DNS:localhost")
    _, key = authority.issue("another")
    process = cluster.launch_coordinator("--tls-cert", certificate, "--tls-key", key)
    assert process.wait(PATIENCE) == 64
    assert f"--tls-key {key}: it does not belong to the first certificate" in cluster.log("coordinator")


# Sockets from systemd


def activate(cluster, *sockets, arguments=()):
    descriptors = [listening.fileno() for listening in sockets]
    return cluster.launch_coordinator(
        *arguments, launcher=[sys.executable, "-c", SYSTEMD, ",".join(map(str, descriptors))], pass_fds=descriptors)


def test_sockets_handed_over_are_served(cluster):
    with (socket.create_server(("127.0.0.1", 0)) as tcp,
          socket.create_server(str(cluster.socket), family=socket.AF_UNIX) as unix):
        activate(cluster, tcp, unix)
        port = tcp.getsockname()[1]
    cluster.connect()
    cluster.address = f"127.0.0.1:{port}"
    cluster.connect()
    cluster.create_job()
    assert not (cluster.directory / "state" / "belay.sock").exists(), "it also listens where it was not told to"


def test_sockets_handed_over_speak_tls_on_any_address(cluster, authority):
    certificate, key = authority.issue("coordinator", "DNS:localhost")
    with socket.create_server(("0.0.0.0", 0)) as tcp:
        activate(cluster, tcp, arguments=["--tls-cert", certificate, "--tls-key", key])
        cluster.address = f"localhost:{tcp.getsockname()[1]}"
    cluster.credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    cluster.connect()
    cluster.create_job()


def test_plaintext_on_a_socket_that_others_can_reach_is_refused(cluster):
    with socket.create_server(("0.0.0.0", 0)) as tcp:
        process = activate(cluster, tcp)
    assert process.wait(PATIENCE) == 64
    assert "the inherited socket" in cluster.log("coordinator")
    assert "--tls-cert" in cluster.log("coordinator")


def test_who_says_where_to_listen_gets_no_other_sockets(cluster):
    with socket.create_server(("0.0.0.0", 0)) as tcp:
        activate(cluster, tcp, arguments=["--listen", cluster.address])
    cluster.connect()
    cluster.create_job()
