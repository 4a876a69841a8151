"""A certificate authority and a server's certificate, made anew for each run of the tests."""

import pathlib
import subprocess

SERVER_NAME = "interop.test"


class Certificates:
    """PEM files in a directory: an authority, and a server's key and certificate for SERVER_NAME and 127.0.0.1."""

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.authority, authority_key = directory / "ca.pem", directory / "ca.key"
        self.certificate, self.key = directory / "server.pem", directory / "server.key"
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        _openssl(*new, "-subj", "/CN=interop test authority", "-keyout", authority_key, "-out", self.authority,
                 "-addext", "keyUsage=critical,keyCertSign")
        _openssl(*new, "-CA", self.authority, "-CAkey", authority_key, "-subj", f"/CN={SERVER_NAME}",
                 "-keyout", self.key, "-out", self.certificate, "-addext", "basicConstraints=critical,CA:FALSE",
                 "-addext", f"subjectAltName=DNS:{SERVER_NAME},IP:127.0.0.1")


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
