"""R17 and R18, and what surrounds them: where a stop falls decides exactly which VMs have restore points."""

import shutil
import signal

import pytest
from belay.v1 import job_pb2, session_pb2, stop_pb2, task_pb2

import disks
from cluster import GRACEFUL, IMMEDIATE

CANCELED_BY_USER = "Operation was canceled by user"


def start_workers(cluster, count, slots=1):
    for number in range(1, count + 1):
        cluster.start_worker(f"w{number}", slots=slots)


def processing(tasks):
    return {task.ordinal for task in tasks.values() if task.state == task_pb2.TASK_STATE_PROCESSING}


def uncommitted(tasks):
    """Those in process that have not asked to commit: who asks says FINALIZING, and may be granted it at once."""
    return {ordinal for ordinal in processing(tasks) if tasks[ordinal].phase < task_pb2.TASK_PHASE_FINALIZING}


def hold_during(cluster, position):
    """Starts the job and freezes all workers while the VM at `position` is in process; returns the session's name.

    A VM may commit between the news of its start and the freeze: then that session is left to end, and another is
    started.
    """
    for _ in range(8):
        name = cluster.start_job()
        cluster.wait_for(name, lambda tasks: position in processing(tasks) or
                         (position in tasks and tasks[position].state == task_pb2.TASK_STATE_SUCCEEDED))
        cluster.signal_workers(signal.SIGSTOP)
        session = cluster.session(name)
        if position in uncommitted({task.ordinal: task for task in session.tasks}):
            return name
        cluster.signal_workers(signal.SIGCONT)
        cluster.wait_until_settled(name)
    raise AssertionError(f"VM {position} was always done before the workers could be held")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("position", range(1, 7))
def test_r17_an_immediate_stop_leaves_restore_points_of_the_vms_before_it_only(cluster, position, workers):
    cluster.start_coordinator()
    start_workers(cluster, workers)
    cluster.create_job()
    name = hold_during(cluster, position)
    before = {path: data for path, data in cluster.points_on_disk().items() if name.split("/")[-1] not in path.name}
    cluster.stop(name, IMMEDIATE)
    cluster.signal_workers(signal.SIGCONT)
    session = cluster.wait_until_settled(name)
    assert (session.state, session.result, session.canceled) == (
        session_pb2.SESSION_STATE_STOPPED, session_pb2.SESSION_RESULT_FAILED, True)
    assert session.message == CANCELED_BY_USER
    assert cluster.vms_with_restore_points(name) == disks.NAMES[:position - 1]
    assert [task.state for task in session.tasks] == (
        [task_pb2.TASK_STATE_SUCCEEDED] * (position - 1) + [task_pb2.TASK_STATE_CANCELED]
        + [task_pb2.TASK_STATE_SKIPPED] * (6 - position))
    assert session.tasks[position - 1].message == CANCELED_BY_USER
    assert before.items() <= cluster.points_on_disk().items()
    cluster.assert_nothing_is_left()


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("position", range(1, 7))
def test_r18_a_graceful_stop_adds_the_vm_in_process(cluster, position, workers):
    cluster.start_coordinator()
    start_workers(cluster, workers)
    cluster.create_job()
    name = hold_during(cluster, position)
    before = {path: data for path, data in cluster.points_on_disk().items() if name.split("/")[-1] not in path.name}
    cluster.stop(name, GRACEFUL)
    cluster.signal_workers(signal.SIGCONT)
    session = cluster.wait_until_settled(name)
    skipped = 6 - position
    assert session.result == (
        session_pb2.SESSION_RESULT_WARNING if skipped else session_pb2.SESSION_RESULT_SUCCESS)
    assert session.message == (
        f"Job was stopped gracefully: {position} of 6 VM(s) processed, {skipped} not started")
    assert cluster.vms_with_restore_points(name) == disks.NAMES[:position]
    assert before.items() <= cluster.points_on_disk().items()
    cluster.assert_nothing_is_left()


@pytest.mark.parametrize("mode", [IMMEDIATE, GRACEFUL])
def test_the_general_form_at_parallelism_three(cluster, mode):
    cluster.start_coordinator()
    start_workers(cluster, 3)
    cluster.create_job(parallelism=3)
    name = hold_during(cluster, 4)
    cluster.stop(name, mode)
    held = {task.ordinal: task for task in cluster.session(name).tasks}
    started = {task.virtual_machine for task in held.values() if task.HasField("start_time")}
    canceled = {held[ordinal].virtual_machine for ordinal in uncommitted(held)}
    done = {task.virtual_machine for task in held.values() if task.state == task_pb2.TASK_STATE_SUCCEEDED}
    cluster.signal_workers(signal.SIGCONT)
    session = cluster.wait_until_settled(name)
    found = set(cluster.vms_with_restore_points(name))
    if mode == GRACEFUL:
        assert found == started
    else:
        # Whether one that was finalizing has its commit is the coordinator's word: its task's state.
        assert done <= found <= started - canceled
    assert found == {task.virtual_machine for task in session.tasks if task.state == task_pb2.TASK_STATE_SUCCEEDED}
    cluster.assert_nothing_is_left()


@pytest.mark.parametrize("mode", [IMMEDIATE, GRACEFUL])
def test_r16_a_stop_before_the_first_vm_fails_the_session(cluster, mode):
    cluster.start_coordinator()
    cluster.create_job()
    name = cluster.start_job()  # Nobody works yet.
    answer = cluster.stop(name, mode)
    assert answer.disposition == stop_pb2.STOP_DISPOSITION_ACCEPTED
    session = cluster.wait_until_settled(name)
    assert (session.result, session.canceled, session.message) == (
        session_pb2.SESSION_RESULT_FAILED, True, CANCELED_BY_USER)
    assert cluster.list_restore_points() == []
    cluster.assert_nothing_is_left()


def test_a_graceful_stop_escalates_to_an_immediate_one(cluster):
    cluster.start_coordinator()
    start_workers(cluster, 1)
    cluster.create_job()
    name = hold_during(cluster, 4)
    cluster.stop(name, GRACEFUL)
    answer = cluster.stop(name, IMMEDIATE)
    assert answer.disposition == stop_pb2.STOP_DISPOSITION_ESCALATED
    cluster.signal_workers(signal.SIGCONT)
    session = cluster.wait_until_settled(name)
    assert session.result == session_pb2.SESSION_RESULT_FAILED
    assert cluster.vms_with_restore_points(name) == disks.NAMES[:3]
    cluster.assert_nothing_is_left()


def test_a_stop_after_the_end_changes_nothing(cluster):
    cluster.start_coordinator()
    start_workers(cluster, 1)
    cluster.create_job()
    session = cluster.run_to_the_end()
    assert session.result == session_pb2.SESSION_RESULT_SUCCESS
    points = cluster.points_on_disk()
    answer = cluster.stop(session.name, IMMEDIATE)
    assert answer.disposition == stop_pb2.STOP_DISPOSITION_ALREADY_STOPPED
    assert answer.session.result == session_pb2.SESSION_RESULT_SUCCESS
    assert cluster.points_on_disk() == points


def test_what_is_checked_to_be_gone_is_seen_while_it_is_there(cluster):
    cluster.start_coordinator()
    start_workers(cluster, 1)
    cluster.create_job(vms=["vm4"])
    for _ in range(8):
        name = cluster.start_job()
        cluster.wait_for(name, lambda tasks: tasks[1].phase >= task_pb2.TASK_PHASE_TRANSFERRING or
                         tasks[1].state == task_pb2.TASK_STATE_SUCCEEDED)
        cluster.signal_workers(signal.SIGSTOP)
        seen = cluster.own_processes()
        if seen:
            with pytest.raises(AssertionError):
                cluster.assert_nothing_is_left()
        cluster.signal_workers(signal.SIGCONT)
        cluster.wait_until_settled(name)
        cluster.assert_nothing_is_left()
        if seen:
            return
    raise AssertionError("no checkpoint's daemon was ever seen")


def test_every_restored_disk_equals_its_source(cluster):
    cluster.start_coordinator()
    start_workers(cluster, 2)
    cluster.create_job(parallelism=2)
    session = cluster.run_to_the_end()
    assert cluster.vms_with_restore_points(session.name) == disks.NAMES
    for point in cluster.list_restore_points():
        assert cluster.verify(point).intact
        cluster.assert_restores(point)
    cluster.assert_nothing_is_left()


def test_an_immediate_stop_of_a_restore_removes_the_partial_target(cluster):
    cluster.start_coordinator()
    start_workers(cluster, 1)
    cluster.create_job(vms=["vm4"])
    cluster.run_to_the_end()
    point, = cluster.list_restore_points()
    target = cluster.directory / "restored"
    cluster.create_job("restore", ["vm4"], job_type=job_pb2.JOB_TYPE_RESTORE, restore=job_pb2.RestoreSettings(
        restore_point=point.name, target_directory=str(target), format=job_pb2.DISK_IMAGE_FORMAT_RAW))
    for _ in range(8):
        name = cluster.start_job("restore")
        cluster.wait_for(name, lambda tasks: processing(tasks) or
                         any(task.state == task_pb2.TASK_STATE_SUCCEEDED for task in tasks.values()))
        cluster.signal_workers(signal.SIGSTOP)
        if uncommitted({task.ordinal: task for task in cluster.session(name).tasks}):
            break
        cluster.signal_workers(signal.SIGCONT)
        cluster.wait_until_settled(name)
        shutil.rmtree(target)
    cluster.stop(name, IMMEDIATE)
    cluster.signal_workers(signal.SIGCONT)
    session = cluster.wait_until_settled(name)
    assert session.result == session_pb2.SESSION_RESULT_FAILED
    assert [path.name for path in cluster.directory.iterdir() if path.name.startswith("restored")] == []
    assert cluster.verify(point).intact
