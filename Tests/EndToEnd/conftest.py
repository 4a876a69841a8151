"""Fixtures: the executable under test, stubs compiled from our protos by grpcio-tools, disks, a cluster."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _compile_protos():
    """Compiles every proto of the API with grpcio-tools, as a client in another language would."""
    import grpc_tools
    from grpc_tools import protoc

    output = tempfile.mkdtemp(prefix="belay-protos-")
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    protos = sorted(str(path.relative_to(ROOT / "Proto")) for path in (ROOT / "Proto" / "belay").rglob("*.proto"))
    arguments = ["protoc", f"-I{ROOT / 'Proto'}", f"-I{well_known}", f"--python_out={output}",
                 f"--grpc_python_out={output}", *protos]
    if protoc.main(arguments) != 0:
        raise RuntimeError("grpcio-tools could not compile the protos")
    sys.path.insert(0, output)
    return output


def pytest_configure(config):
    config.belay_protos = _compile_protos()


def pytest_unconfigure(config):
    shutil.rmtree(config.belay_protos, ignore_errors=True)


@pytest.fixture(scope="session")
def binary():
    """The `belay` executable: $BELAY_BINARY, or the debug build."""
    path = pathlib.Path(os.environ.get("BELAY_BINARY", ROOT / ".build" / "debug" / "belay"))
    if not path.exists():
        pytest.exit(f"{path} does not exist: run `swift build` first, or set BELAY_BINARY", returncode=2)
    return path


@pytest.fixture(scope="session")
def disks():
    """Six VMs, made once: real file systems and holes, in raw and qcow2 images; the fourth is the largest."""
    from disks import make_virtual_machines

    with tempfile.TemporaryDirectory(prefix="belay-disks-") as directory:
        make_virtual_machines(pathlib.Path(directory))
        yield pathlib.Path(directory)


@pytest.fixture
def cluster(binary, disks):
    """A coordinator that is not started yet, with a copy of the six VMs; checked for leftovers at the end."""
    from cluster import Cluster

    # Unix socket paths are limited to 107 bytes: a short directory of its own, not pytest's.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="belay-"))
    cluster = Cluster(binary, directory)
    try:
        subprocess.run(["cp", "-r", "--sparse=always", disks, cluster.vm_root], check=True)
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(directory, ignore_errors=True)
