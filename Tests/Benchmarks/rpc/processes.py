"""Processes, and what they cost."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_cores = sorted(os.sched_getaffinity(0))
# The server has a core of its own, and the load another, so that neither takes time from the other.
SERVER_CORE, LOAD_CORE = _cores[0], _cores[-1]
TWO_CORES = len(_cores) > 1


class BenchError(Exception):
    """Why nothing can be measured, and what to do about it."""


def cpu_seconds(pid: int) -> float:
    """The processor time of a process, with that of its ended threads, to the nanosecond."""
    cpu_clock_of_process = (~pid << 3) | 2  # clock_getcpuclockid(3)
    return time.clock_gettime(cpu_clock_of_process)


def resident_bytes(pid: int) -> int:
    """The memory of a process that is in RAM, exactly: /proc/PID/status may lag by some pages a thread."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"/proc/{pid}/smaps_rollup has no Rss")


def pinned(core: int, command: list) -> list[str]:
    return ["taskset", "-c", str(core), *map(str, command)]


@dataclass
class Server:
    """A server that listens on 127.0.0.1."""

    name: str
    pid: int
    port: int
    tls: bool = False


@contextlib.contextmanager
def listening(name: str, command: list, port: int, tls: bool = False, environment: dict[str, str] | None = None):
    """Runs a server until the block ends; it has to listen within 60 s.

    taskset execs the server, so that the process id is the server's.
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            pinned(SERVER_CORE, command), stdout=subprocess.DEVNULL, stderr=errors,
            env={**os.environ, **(environment or {})})
        try:
            deadline = time.monotonic() + 60
            while not _accepts(port):
                if process.poll() is not None:
                    if process.returncode == _NOT_FOUND:
                        raise BenchError(_missing(command[0]))
                    errors.seek(0)
                    raise BenchError(f"{name} ended at once: {errors.read().strip()[-500:]}")
                if time.monotonic() > deadline:
                    raise BenchError(f"{name} does not listen on port {port} after 60 s")
                time.sleep(0.02)
            yield Server(name, process.pid, port, tls)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


# What taskset, as a shell, ends with when there is no such program.
_NOT_FOUND = 127


def _missing(program) -> str:
    return f"{program} is missing: run Deploy/setup --tests --bench, and build without --skip-build"


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def run(command: list, timeout: float = 300, core: int | None = None, folder: Path | None = None,
        environment: dict[str, str] | None = None) -> str:
    """The standard output of a command that has to succeed."""
    words = [str(word) for word in command] if core is None else pinned(core, command)
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout, check=False, cwd=folder,
            env={**os.environ, **(environment or {})})
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(words)} did not end within {timeout:.0f} s") from None
    except FileNotFoundError as error:
        raise BenchError(_missing(error.filename)) from None
    if core is not None and done.returncode == _NOT_FOUND:
        raise BenchError(_missing(command[0]))
    if done.returncode != 0:
        text = (done.stderr + done.stdout).strip()[-1500:]
        raise BenchError(f"{' '.join(words)} ended with {done.returncode}:\n{text}")
    return done.stdout
