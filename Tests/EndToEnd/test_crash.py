"""kill -9 of a worker and of the coordinator in every phase: nothing lost, leaked or duplicated."""

import contextlib
import random
import signal
import subprocess

import pytest
from belay.v1 import session_pb2, task_pb2

import disks
from cluster import GRACEFUL, IMMEDIATE

PHASES = ["PREPARING", "CREATING_CHECKPOINT", "TRANSFERRING", "FINALIZING", "REMOVING_CHECKPOINT"]


def wait_for_phase(cluster, name, phase):
    """Returns when a VM is seen in that phase, or past it: a short phase may pass between two reports."""
    wanted = task_pb2.TaskPhase.Value(f"TASK_PHASE_{phase}")
    cluster.wait_for(name, lambda tasks: any(
        task.state == task_pb2.TASK_STATE_PROCESSING and task.phase >= wanted
        or task.ordinal > 1 and task.state == task_pb2.TASK_STATE_PROCESSING for task in tasks.values()))


def check(cluster, name, old_points, vms=disks.NAMES):
    """What must hold after any crash once everything has ended: the new points are whole, the old ones untouched."""
    assert old_points.items() <= cluster.points_on_disk().items()
    found = cluster.vms_with_restore_points(name)
    assert len(found) == len(set(found)), "a VM has two restore points of one session"
    session = cluster.session(name)
    succeeded = sorted(task.virtual_machine for task in session.tasks if task.restore_point)
    assert found == succeeded, "what is listed is not what the session says"
    points = [point for point in cluster.list_restore_points() if point.session == name]
    for point in points:
        assert cluster.verify(point).intact
    cluster.assert_nothing_is_left()
    return found


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_worker_is_replaced_by_another(cluster, phase):
    cluster.start_coordinator()
    cluster.start_worker("w1")
    cluster.create_job()
    cluster.run_to_the_end()
    old = cluster.points_on_disk()
    name = cluster.start_job()
    wait_for_phase(cluster, name, phase)
    cluster.kill(cluster.workers["w1"])
    cluster.start_worker("w2")
    session = cluster.wait_until_settled(name)
    assert session.result == session_pb2.SESSION_RESULT_SUCCESS, session
    assert check(cluster, name, old) == disks.NAMES


@pytest.mark.parametrize("mode", [IMMEDIATE, GRACEFUL])
@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_coordinator_goes_on_where_it_was(cluster, phase, mode):
    cluster.start_coordinator()
    cluster.start_worker("w1")
    cluster.create_job(vms=["vm4", "vm1", "vm2"])
    name = cluster.start_job()
    wait_for_phase(cluster, name, phase)
    cluster.kill(cluster.coordinator)
    cluster.signal_workers(signal.SIGSTOP)  # Else the session might end before the stop.
    cluster.start_coordinator()
    cluster.stop(name, mode)
    cluster.kill(cluster.coordinator)  # The stop was durable before it was answered.
    cluster.start_coordinator()
    cluster.signal_workers(signal.SIGCONT)
    session = cluster.wait_until_settled(name)
    assert session.state == session_pb2.SESSION_STATE_STOPPED
    assert session.HasField("stop")
    if mode == IMMEDIATE:
        assert session.result == session_pb2.SESSION_RESULT_FAILED
    check(cluster, name, {})


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_coordinator_without_a_stop_ends_the_session_with_success(cluster, phase):
    cluster.start_coordinator()
    cluster.start_worker("w1")
    cluster.create_job()
    name = cluster.start_job()
    wait_for_phase(cluster, name, phase)
    cluster.kill(cluster.coordinator)
    cluster.start_coordinator()
    session = cluster.wait_until_settled(name)
    assert session.result == session_pb2.SESSION_RESULT_SUCCESS, session
    assert check(cluster, name, {}) == disks.NAMES


@pytest.mark.parametrize("seed", range(6))
def test_everything_is_killed_at_random(cluster, seed):
    source = random.Random(seed)
    cluster.start_coordinator()
    cluster.start_worker("w1")
    cluster.start_worker("w2")
    cluster.create_job(parallelism=2)
    name = cluster.start_job()
    for _ in range(4):
        victim = source.choice(["coordinator", "w1", "w2"])
        with contextlib.suppress(subprocess.TimeoutExpired):
            cluster.coordinator.wait(source.random())  # Let it work for a while.
        if victim == "coordinator":
            cluster.kill(cluster.coordinator)
            cluster.start_coordinator()
        else:
            cluster.kill(cluster.workers[victim])
            cluster.start_worker(victim)
    if source.random() < 0.5:
        cluster.stop(name, source.choice([IMMEDIATE, GRACEFUL]))
    session = cluster.wait_until_settled(name)
    assert session.state == session_pb2.SESSION_STATE_STOPPED, f"seed {seed}"
    check(cluster, name, {})
