"""Virtual machines for tests: directories of real disk images."""

import os
import pathlib
import random
import subprocess
import tempfile

NAMES = ["vm1", "vm2", "vm3", "vm4", "vm5", "vm6"]


def make_virtual_machines(root: pathlib.Path):
    """Makes the six VMs of R17 and R18: alternately raw and qcow2, the fourth with two disks."""
    for index, name in enumerate(NAMES):
        mebibytes = 48 if name == "vm4" else 8
        image_format = "raw" if index % 2 == 0 else "qcow2"
        make_disk(root / name / f"system.{image_format}", mebibytes, seed=index)
    make_disk(root / "vm4" / "data.raw", 48, seed=99)


def make_disk(path: pathlib.Path, mebibytes: int, seed: int):
    """Makes an ext4 file system that holds `mebibytes` of files which do not compress, in an image twice that size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="belay-files-") as files:
        for number in range(8):
            pathlib.Path(files, f"file{number}").write_bytes(source.randbytes((mebibytes << 20) // 8))
        raw = pathlib.Path(files + ".raw")
        try:
            raw.touch()
            os.truncate(raw, (2 * mebibytes + 8) << 20)
            subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", files, raw], check=True)
            image_format = path.suffix[1:]
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", image_format, raw, path], check=True)
        finally:
            raw.unlink(missing_ok=True)


def content(path: pathlib.Path, scratch: pathlib.Path) -> bytes:
    """The bytes that a guest would see on this disk."""
    if path.suffix == ".raw":
        return path.read_bytes()
    raw = scratch / "content.raw"
    subprocess.run(["qemu-img", "convert", "-f", path.suffix[1:], "-O", "raw", path, raw], check=True)
    data = raw.read_bytes()
    raw.unlink()
    return data
