"""Authorities and certificates, made by openssl for each run of the tests."""

import subprocess


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory, name="authority"):
        self.directory, self.name = directory, name
        self.certificate, self._key = directory / f"{name}.pem", directory / f"{name}.key"
        _new(self._key, self.certificate, f"/CN=belay test {name}", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, *alternative_names):
        """The files of a new certificate for `alternative_names` ("DNS:…", "IP:…"), and of its key."""
        certificate = self.directory / f"{self.name}-{name}.pem"
        key = certificate.with_suffix(".key")
        names = ["-addext", f"subjectAltName={','.join(alternative_names)}"] if alternative_names else []
        _new(key, certificate, f"/CN={name}", "-CA", self.certificate, "-CAkey", self._key,
             "-addext", "basicConstraints=critical,CA:FALSE", *names)
        return certificate, key


def _new(key, certificate, subject, *more):
    arguments = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-days", "2", "-subj", subject, "-keyout", key, "-out", certificate, *more]
    subprocess.run([str(argument) for argument in arguments], check=True, capture_output=True)
