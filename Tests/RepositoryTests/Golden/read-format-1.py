"""Reads a restore point of format 1 with nothing of Belay's, and prints a SHA-256 for each disk.

Usage: python3 read-format-1.py REPOSITORY POINT-FILE
"""
import ctypes
import hashlib
import json
import pathlib
import struct
import sys

ZERO = bytes(32)
REGION = 4 << 20
zstd = ctypes.CDLL("libzstd.so.1")


def blobs_of(repository):
    """Every blob by its id, from what the packs say of themselves."""
    found = {}
    for path in repository.glob("packs/??/*"):
        pack = path.read_bytes()
        assert pack[:8] == b"BELAYPK1" and pack[-8:] == b"BELAYEND", path
        assert pack[16:32].hex() == path.name, path
        offset, count = struct.unpack_from("<QI", pack, len(pack) - 64)
        footer = pack[offset:-64]
        assert len(footer) == 48 * count, path
        assert hashlib.sha256(pack[:64] + footer).digest() == pack[-44:-12], path
        for start in range(0, len(footer), 48):
            id, at, stored, raw, _ = struct.unpack_from("<32sIIII", footer, start)
            found[id] = (pack[at:at + stored], raw & 0xFFFFFF, raw >> 28)
    return found


def read(blobs, id):
    stored, length, encoding = blobs[id]
    if encoding == 1:
        raw = ctypes.create_string_buffer(length)
        assert zstd.ZSTD_decompress(raw, length, stored, len(stored)) == length
        stored = raw.raw
    assert hashlib.sha256(stored).digest() == id
    return stored


def region(blobs, id, length):
    if id == ZERO:
        return bytes(length)
    page = read(blobs, id)
    assert page[:4] == b"BRG1"
    chunks = struct.iter_unpack("<32sI", page[8:])
    return b"".join(bytes(n) if chunk == ZERO else read(blobs, chunk) for chunk, n in chunks)


def disk(blobs, description):
    size, data = description["size"], b""
    for directory in map(bytes.fromhex, description["directories"]):
        left = -(-(size - len(data)) // REGION)
        page = read(blobs, directory)[8:] if directory != ZERO else ZERO * min(1024, left)
        for start in range(0, len(page), 32):
            data += region(blobs, page[start:start + 32], min(REGION, size - len(data)))
    assert len(data) == size
    return data


def main(repository, point):
    point = pathlib.Path(point).read_bytes()
    assert point[:8] == b"BELAYPT1" and hashlib.sha256(point[:-32]).digest() == point[-32:]
    blobs = blobs_of(pathlib.Path(repository))
    for description in json.loads(point[16:-32])["disks"]:
        data = disk(blobs, description)
        print(description["id"], description["size"], hashlib.sha256(data).hexdigest())


main(*sys.argv[1:])
