"""The certificate of the server, read from its files and replaced while it serves."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from fairlift.engine.errors import WrongState

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL.
_WHATEVER_THE_TIME = 0x20_0000


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What callers check of a certificate.

    Attributes:
        names: of hosts and addresses; one that a star stands for, where it has a star.
        ends: when its time is over.
    """

    names: tuple[str, ...]
    ends: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate chain and private key of the server, in PEM.

    Attributes:
        facts: None: it is of a kind that callers do not take.
    """

    chain: bytes
    key: bytes
    facts: CertificateFacts | None

    @property
    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """As gRPC takes it."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)])


def read_certificate(chain_file: str, key_file: str) -> Certificate:
    """The certificate in two files.

    Raises:
        WrongState: one cannot be read or is not PEM, or they do not match.
    """
    try:
        chain, key = (Path(path).read_bytes() for path in (chain_file, key_file))
        # gRPC takes what does not match, and fails at every connection.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_file, key_file, _no_password)
    except ssl.SSLError:
        raise WrongState(
            "FAIRLIFT_TLS_CERTIFICATE and FAIRLIFT_TLS_KEY cannot be used: one is not PEM, or "
            "they do not match"
        ) from None
    except OSError as error:
        raise WrongState(f"cannot read {error.filename}: {error.strerror}") from None
    return Certificate(chain, key, _facts(chain_file, key_file))


def _facts(chain_file: str, key_file: str) -> CertificateFacts | None:
    """What the first certificate of a file says; None: callers do not take it at any time.

    A caller that trusts this certificate alone shakes hands with a server in memory.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain_file, key_file, _no_password)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(chain_file)
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _WHATEVER_THE_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    answerer = server.wrap_bio(to_server, to_client, server_side=True)
    try:
        for side in (caller, answerer, caller):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLError:
        return None
    peer: Any = caller.getpeercert() or {}  # its shape depends on its keys
    ends_s = ssl.cert_time_to_seconds(peer["notAfter"])
    names = tuple(str(name).replace("*", "any", 1) for _, name in peer.get("subjectAltName", ()))
    return CertificateFacts(names, datetime.fromtimestamp(ends_s, UTC))


def _no_password() -> str:
    """Without it, a key that is encrypted would ask on the terminal."""
    return ""


class ServerCertificate:
    """Gives new connections the newest certificate; those that are open go on as they are."""

    def __init__(self, first: Certificate) -> None:
        self.newest = first
        self._replacement: Certificate | None = None
        self.credentials = grpc.dynamic_ssl_server_credentials(first.configuration, self._fetched)

    def replace(self, certificate: Certificate) -> None:
        """From the next connection on."""
        self.newest = self._replacement = certificate

    def _fetched(self) -> grpc.ServerCertificateConfiguration:
        replacement, self._replacement = self._replacement, None
        if replacement is None:
            return None  # type: ignore[return-value]  # "no change", which the stubs do not know
        return replacement.configuration
