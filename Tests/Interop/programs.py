"""The servers and clients under test, as processes."""

import pathlib
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BELAY_BUILD", ROOT / ".build" / "debug"))
PATIENCE = 20  # seconds that a server may take to say something, and a client to be done


class Server:
    """A server process that says in a line where it listens."""

    def __init__(self, *command):
        self.command = [str(word) for word in command]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.address = self._match(r"listening on (.*)")[1]

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def stop(self):
        """Asks it to end."""
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=PATIENCE)

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def _match(self, pattern):
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"{self.command} says nothing\n{self.log()}") from None
        found = re.fullmatch(pattern, line)
        assert found, f"{self.command} says {line!r}, which is not {pattern!r}"
        return found


class InteropServer(Server):
    """Our server."""

    def __init__(self, *arguments):
        super().__init__(program("grpc-interop-server"), *arguments)

    def open(self):
        """How many calls have not ended, handlers run, and connections are open."""
        self.process.send_signal(signal.SIGUSR1)
        found = self._match(r"open: (\d+) calls, (\d+) handlers, (\d+) connections")
        return tuple(map(int, found.groups()))


def grpcio_server(*arguments):
    return Server(sys.executable, pathlib.Path(__file__).parent / "grpcio_server.py", *arguments)


def run_client(*arguments):
    """Runs our client, and returns the finished process."""
    return subprocess.run([program("grpc-interop-client"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=3 * PATIENCE)


def program(name):
    path = BUILD / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: run `swift build` first, or set BELAY_BUILD to where it builds")
    return path
