"""A coordinator and workers as processes of their own, spoken to by grpcio, over a unix socket unless told otherwise."""

import os
import pathlib
import signal
import subprocess
import time

import grpc
from belay.v1 import job_pb2, job_service_pb2, job_service_pb2_grpc
from belay.v1 import restore_point_pb2, restore_point_service_pb2, restore_point_service_pb2_grpc
from belay.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc
from belay.v1 import stop_pb2, task_pb2, worker_pb2, worker_service_pb2, worker_service_pb2_grpc

import disks

PATIENCE = 90  # seconds that anything may take before the test gives up
IMMEDIATE, GRACEFUL = stop_pb2.STOP_MODE_IMMEDIATE, stop_pb2.STOP_MODE_GRACEFUL


class Cluster:
    def __init__(self, binary: pathlib.Path, directory: pathlib.Path):
        self.binary, self.directory = binary, directory
        self.vm_root = directory / "vms"
        self.runtime = directory / "run"
        self.repository = directory / "repository"
        self.socket = directory / "belay.sock"
        self.coordinator = None
        self.workers = {}
        self.channel = None
        self.address = f"unix:{self.socket}"  # Where clients find the coordinator, and where it listens.
        self.credentials = None  # Of grpcio's channel; None: plaintext.
        self.client_options = []  # Of workers and operators' commands.

    # Processes

    def start_coordinator(self, *arguments, listen=None):
        self.launch_coordinator("--listen", listen or self.address, *arguments)
        self.connect()

    def launch_coordinator(self, *arguments, **options):
        """Starts a coordinator and returns its process, whether it comes to answer or not."""
        self.coordinator = self._start(
            "coordinator", "coordinator", "--data", self.directory / "state",
            "--repository", f"default={self.repository}", "--lease-ttl", "3", *arguments, **options)
        return self.coordinator

    def start_worker(self, name="w1", slots=1, options=None):
        """Starts a worker of host h1 and returns its process."""
        self.workers[name] = self._start(
            name, "worker", "--coordinator", self.address, "--id", name, "--host", "h1",
            "--slots", str(slots), "--vm-root", self.vm_root, "--runtime", self.runtime,
            *(self.client_options if options is None else options))
        return self.workers[name]

    def _start(self, log, *arguments, launcher=(), **options):
        with open(self.directory / f"{log}.log", "ab") as output:
            return subprocess.Popen([*launcher, self.binary, *map(str, arguments)], stdout=output, stderr=output,
                                    stdin=subprocess.DEVNULL, **options)

    def connect(self):
        if self.channel:
            self.channel.close()
        # A subchannel pool of its own: a restart must not inherit the back-off of the connection that was killed.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = (grpc.secure_channel(self.address, self.credentials, options) if self.credentials
                        else grpc.insecure_channel(self.address, options))
        try:
            grpc.channel_ready_future(self.channel).result(timeout=PATIENCE)
        except grpc.FutureTimeoutError:
            raise AssertionError(f"the coordinator does not answer:\n{self.log('coordinator')}")
        self.jobs = job_service_pb2_grpc.JobServiceStub(self.channel)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(self.channel)
        self.restore_points = restore_point_service_pb2_grpc.RestorePointServiceStub(self.channel)
        self.worker_service = worker_service_pb2_grpc.WorkerServiceStub(self.channel)

    def belay(self, *arguments, client_options=None, **options):
        """Runs an operator's command and returns what it said."""
        of_client = self.client_options if client_options is None else client_options
        return subprocess.run([self.binary, *map(str, [*arguments, "--address", self.address, *of_client])],
                              capture_output=True, text=True, timeout=PATIENCE, **options)

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait()

    def signal_workers(self, number):
        for worker in self.workers.values():
            worker.send_signal(number)

    def log(self, name):
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def close(self):
        if self.channel:
            self.channel.close()
        for process in [*self.workers.values(), *([self.coordinator] if self.coordinator else [])]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                self.kill(process)
        # Only what this test started: daemons that work in its directory.
        for pid in self.own_processes():
            os.kill(pid, signal.SIGKILL)

    # Jobs and sessions

    def create_job(self, name="nightly", vms=disks.NAMES, parallelism=1, job_type=job_pb2.JOB_TYPE_VM_BACKUP, restore=None):
        settings = job_pb2.JobSettings(repository="repositories/default", parallelism=parallelism)
        if restore:
            settings.restore.CopyFrom(restore)
        job = job_pb2.Job(type=job_type, settings=settings, objects=[
            job_pb2.JobObject(virtual_machine=vm, hypervisor="disk-images") for vm in vms])
        return self.jobs.CreateJob(job_service_pb2.CreateJobRequest(job_id=name, job=job), timeout=PATIENCE).job

    def start_job(self, name="nightly"):
        return self.jobs.StartJob(job_service_pb2.StartJobRequest(name=f"jobs/{name}"), timeout=PATIENCE).session.name

    def session(self, name):
        return self.sessions.GetSession(session_service_pb2.GetSessionRequest(name=name), timeout=PATIENCE).session

    def stop(self, name, mode, reason="a test"):
        request = session_service_pb2.StopSessionRequest(name=name, mode=mode, reason=reason)
        return self.sessions.StopSession(request, timeout=PATIENCE)

    def watch(self, name, after_sequence=0, interval_ms=100):
        request = session_service_pb2.WatchSessionRequest(name=name, after_sequence=after_sequence)
        request.progress_interval.FromMilliseconds(interval_ms)
        return self.sessions.WatchSession(request, timeout=PATIENCE)

    def wait_for(self, name, condition):
        """Returns the session as soon as `condition` holds of it, by watching; fails if it ends before."""
        with_tasks = {}
        for message in self.watch(name):
            kind = message.WhichOneof("kind")
            if kind == "snapshot":
                with_tasks = {task.ordinal: task for task in message.snapshot.tasks}
            elif kind == "event":
                with_tasks.update({task.ordinal: task for task in message.event.changed_tasks})
            elif kind == "progress":
                for update in message.progress.tasks:
                    if update.ordinal in with_tasks:
                        with_tasks[update.ordinal].phase = update.phase
                        with_tasks[update.ordinal].progress.CopyFrom(update.progress)
            if condition(with_tasks):
                return
        raise AssertionError(f"the session ended first:\n{self.session(name)}")

    def wait_until_settled(self, name):
        """Waits until the session has stopped and owes nothing any more."""
        deadline = time.monotonic() + PATIENCE
        for _ in self.watch(name):
            pass
        while time.monotonic() < deadline:
            session = self.session(name)
            if session.settled:
                return session
            time.sleep(0.1)  # What is owed after the end has no stream of its own.
        raise AssertionError(f"still owed after {PATIENCE} s:\n{session}\n{self.log('coordinator')}\n{self.log('w1')}")

    def run_to_the_end(self, name="nightly"):
        return self.wait_until_settled(self.start_job(name))

    def vms_with_restore_points(self, session):
        return sorted(point.virtual_machine for point in self.list_restore_points() if point.session == session)

    def list_restore_points(self):
        request = restore_point_service_pb2.ListRestorePointsRequest(page_size=1000)
        return list(self.restore_points.ListRestorePoints(request, timeout=PATIENCE).restore_points)

    def verify(self, point):
        request = restore_point_service_pb2.VerifyRestorePointRequest(
            name=point.name, level=restore_point_pb2.VERIFICATION_LEVEL_CONTENT)
        return self.restore_points.VerifyRestorePoint(request, timeout=PATIENCE)

    # What is on this machine

    def points_on_disk(self):
        """Each restore point's file with its bytes."""
        return {path: path.read_bytes() for path in (self.repository / "points").rglob("*.pt")}

    def own_processes(self):
        """Pids of processes other than the coordinator and the workers that work in our directory, or name it."""
        known = {os.getpid(), *(process.pid for process in [self.coordinator, *self.workers.values()] if process)}
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in known:
                continue
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                place = os.readlink(entry / "cwd")
            except OSError:
                continue  # It ended while we looked.
            if str(self.directory) in command or place.startswith(str(self.directory)):
                found.append(int(entry.name))
        return found

    def assert_nothing_is_left(self):
        """No checkpoint, scratch file, socket, export, daemon or staged data."""
        leftovers = [path for path in self.runtime.rglob("*") if not path.is_dir()] if self.runtime.exists() else []
        assert leftovers == []
        assert self.own_processes() == []
        sessions, fenced = self.repository / "sessions", self.repository / "fenced"
        assert not sessions.exists() or list(sessions.iterdir()) == []
        # A fence stays, as an empty directory: its attempt can never write again.
        assert [path for path in fenced.rglob("*") if path.parent != fenced] == []
        for path in self.vm_root.rglob("*"):
            assert path.is_dir() or path.suffix in [".raw", ".qcow2", ".vhdx", ".vmdk"], f"{path} was left in a VM"

    def restore(self, point, name="restore", target=None):
        """Restores a point by a Restore job and returns the directory with its disks."""
        target = target or self.directory / "restored"
        settings = job_pb2.RestoreSettings(
            restore_point=point.name, target_directory=str(target), format=job_pb2.DISK_IMAGE_FORMAT_RAW)
        self.create_job(name, [point.virtual_machine], job_type=job_pb2.JOB_TYPE_RESTORE, restore=settings)
        session = self.run_to_the_end(name)
        assert session.result == session_pb2.SESSION_RESULT_SUCCESS, session
        return target

    def assert_restores(self, point):
        """Restores a point and compares every disk with its source, byte by byte."""
        directory = self.restore(point, name=f"restore-{point.virtual_machine}",
                                 target=self.directory / f"restored-{point.virtual_machine}")
        sources = sorted((self.vm_root / point.virtual_machine).iterdir())
        assert [path.stem for path in sorted(directory.iterdir())] == [path.stem for path in sources]
        for source in sources:
            restored = directory / f"{source.stem}.raw"
            assert disks.content(source, self.directory) == restored.read_bytes(), f"{source} differs"
