"""Connects the commands of the server to a server that has the same settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from fairlift.engine.errors import WrongState
from fairlift.tls_faults import TlsFault, tls_fault
from fairlift.transport import Endpoint

from fairlift_server.api.certificate import read_certificate

_WAYS_OUT = {
    TlsFault.SERVER_HAS_NONE: "leave out FAIRLIFT_TLS_CERTIFICATE, or name the server with TLS",
    TlsFault.UNKNOWN_CERTIFICATE: "FAIRLIFT_TLS_CERTIFICATE must be that of the server",
    TlsFault.OTHER_NAME: "name the server with --server, by the name in its certificate",
    TlsFault.ENDED: "give the server a new one",
    TlsFault.SERVER_MAY_HAVE_IT: "set FAIRLIFT_TLS_CERTIFICATE and FAIRLIFT_TLS_KEY as it has them",
}


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """How a command reaches a server.

    Attributes:
        address: host:port; other machines are called by TLS.
        token: of the server; empty: none.
        certificate: the path of the server's own certificate; empty: it has none, or one that this
            machine trusts.
        key: the path of its private key.
        is_own: the address is where the server of these settings listens, by whatever name.
    """

    address: str
    token: str = ""
    certificate: str = ""
    key: str = ""
    is_own: bool = False

    @property
    def is_encrypted(self) -> bool:
        """Whether it is called by TLS."""
        return bool(self.certificate) or Endpoint(self.address).is_encrypted

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Of every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    @contextmanager
    def connected(self) -> Iterator[grpc.Channel]:
        """A channel to the server; the first call shows whether it answers.

        Raises:
            WrongState: the certificate cannot be read.
        """
        if self.is_encrypted:
            credentials = grpc.ssl_channel_credentials(_content(self.certificate))
            channel = grpc.secure_channel(self.address, credentials, self._options())
        else:
            channel = grpc.insecure_channel(self.address)
        with channel:
            yield channel

    def fault(self, details: str) -> str:
        """Why a call ended with UNAVAILABLE, and what to do; empty: not because of TLS."""
        fault = tls_fault(details, is_encrypted=self.is_encrypted)
        return "" if fault is None else f"{fault.value}: {_WAYS_OUT[fault]}"

    def _options(self) -> tuple[tuple[str, str], ...]:
        # The certificate is the server's own file and the only one that is trusted, so its name
        # proves nothing more: it need not be that of the address at which this machine listens.
        if not (self.is_own and self.certificate and self.key):
            return ()
        try:
            facts = read_certificate(self.certificate, self.key).facts
        except WrongState:  # the user of a command may not read the key
            return ()
        if facts is None or not facts.names:
            return ()
        return (("grpc.ssl_target_name_override", facts.names[0]),)


def _content(certificate: str) -> bytes | None:
    if not certificate:
        return None
    try:
        return Path(certificate).read_bytes()
    except OSError as error:
        raise WrongState(f"cannot read {certificate}: {error.strerror}") from None
