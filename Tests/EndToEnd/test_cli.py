"""The operator's commands: what they print, their JSON, their exit codes, and signals."""

import json
import signal
import subprocess

from belay.v1 import job_pb2, job_service_pb2, restore_point_pb2, session_pb2
from google.protobuf import json_format

from cluster import PATIENCE


def test_a_job_from_its_definition_to_its_restored_disks(cluster):
    cluster.start_coordinator()
    cluster.start_worker()
    created = cluster.belay("job", "create", "nightly", "--vm", "vm1", "--vm", "vm2")
    assert created.returncode == 0, created.stderr
    assert "nightly" in cluster.belay("job", "list").stdout
    run = cluster.belay("job", "start", "nightly", "--watch")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Processing vm1" in run.stdout and "ended with Success" in run.stdout
    points = cluster.belay("restore-point", "list", "--output", "name").stdout.split()
    assert len(points) == 2
    assert cluster.belay("restore-point", "verify", points[0]).returncode == 0
    newest = cluster.belay("restore-point", "list", "--vm", "vm1", "--output", "name").stdout.split()[0]
    restored = cluster.directory / "restored"
    run = cluster.belay("restore", newest, "--to", restored)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (restored / "system.raw").read_bytes() == (cluster.vm_root / "vm1" / "system.raw").read_bytes()
    again = cluster.belay("restore", newest, "--to", restored)
    assert again.returncode == 4, "a target that exists must not be replaced"
    session = cluster.belay("session", "list", "--job", "nightly", "--output", "name").stdout.split()[0]
    shown = cluster.belay("session", "show", session, "--log").stdout
    assert "vm2" in shown and "Processing finished at" in shown
    assert cluster.belay("job", "delete", "nightly").returncode == 0
    assert "nightly" not in cluster.belay("job", "list", "--output", "name").stdout


def test_a_restore_to_qcow2(cluster):
    cluster.start_coordinator()
    cluster.start_worker()
    cluster.create_job(vms=["vm1"])
    cluster.run_to_the_end()
    point, = cluster.list_restore_points()
    target = cluster.directory / "restored"
    run = cluster.belay("restore", point.name, "--to", target, "--format", "qcow2")
    assert run.returncode == 0, run.stdout + run.stderr
    source = cluster.vm_root / "vm1" / "system.raw"
    subprocess.run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", source, target / "system.qcow2"], check=True)


def test_json_is_what_another_implementation_parses(cluster):
    cluster.start_coordinator()
    cluster.start_worker()
    job = cluster.create_job(vms=["vm1"])
    session = cluster.run_to_the_end()
    text = cluster.belay("job", "show", "nightly", "--output", "json").stdout
    assert json_format.Parse(text, job_pb2.Job()) == cluster.jobs.GetJob(job_service_pb2.GetJobRequest(name=job.name)).job
    text = cluster.belay("session", "show", session.name, "--output", "json").stdout
    assert json_format.Parse(text, session_pb2.Session()) == cluster.session(session.name)
    text = cluster.belay("restore-point", "list", "--output", "json").stdout
    assert json_format.Parse(text, restore_point_pb2.RestorePoint()) == cluster.list_restore_points()[0]
    workers = [json.loads(line) for line in cluster.belay("worker", "list", "--output", "json").stdout.splitlines()]
    assert [worker["name"] for worker in workers] == ["workers/w1"]


def test_exit_codes(cluster):
    nobody = cluster.belay("job", "list", "--timeout", "1")
    assert nobody.returncode == 2 and "Is a coordinator running" in nobody.stderr
    cluster.start_coordinator()
    assert cluster.belay("job", "show", "nobody").returncode == 1
    assert cluster.belay("job", "stop", "nobody").returncode == 64
    assert cluster.belay("job", "create", "nightly").returncode == 64
    cluster.create_job()
    refused = cluster.belay("job", "stop", "nightly", "--immediate")
    assert refused.returncode == 1 and "Job nightly is not running" in refused.stderr and "JOB_NOT_RUNNING" in refused.stderr
    name = cluster.start_job()
    assert cluster.belay("job", "stop", "nightly", "--graceful", "--reason", "enough").returncode == 0
    watched = cluster.belay("session", "watch", name.split("/")[-1])
    assert watched.returncode == 4 and "Operation was canceled by user" in watched.stdout


def test_an_interrupted_watch_leaves_the_session_alone(cluster):
    cluster.start_coordinator()
    cluster.create_job()
    name = cluster.start_job()
    watch = subprocess.Popen([cluster.binary, "session", "watch", name, "--address", f"unix:{cluster.socket}"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch.stdout.readline()  # It is under way.
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 130 and "The session goes on" in errors
    assert cluster.session(name).state != session_pb2.SESSION_STATE_STOPPED


def test_sigterm_drains_a_worker(cluster):
    cluster.start_coordinator()
    worker = cluster.start_worker("w1")
    cluster.create_job(vms=["vm4", "vm1"])
    name = cluster.start_job()
    cluster.wait_for(name, lambda tasks: tasks[1].worker and tasks[1].state == 3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0, cluster.log("w1")
    session = cluster.session(name)
    assert session.tasks[0].restore_point, "what the worker had is finished"
    assert not session.tasks[1].restore_point, "a draining worker takes no new task"
    cluster.start_worker("w2")
    assert cluster.wait_until_settled(name).result == session_pb2.SESSION_RESULT_SUCCESS
    cluster.assert_nothing_is_left()


def test_a_second_sigterm_cancels_what_a_worker_has(cluster):
    cluster.start_coordinator()
    worker = cluster.start_worker("w1")
    cluster.create_job(vms=["vm4"])
    name = cluster.start_job()
    cluster.wait_for(name, lambda tasks: tasks[1].state == 3)
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0, cluster.log("w1")
    cluster.start_worker("w2")
    assert cluster.wait_until_settled(name).result == session_pb2.SESSION_RESULT_SUCCESS
    cluster.assert_nothing_is_left()
