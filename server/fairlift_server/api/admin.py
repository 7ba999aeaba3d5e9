"""AdminService: in the contract, not yet served."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

from fairlift.engine.errors import Unsupported
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1.admin_service_pb2_grpc import AdminServiceServicer


class AdminApi(AdminServiceServicer):
    """Says so, in a sentence, instead of a bare UNIMPLEMENTED."""

    # Any: nothing is read.
    async def CreateToken(self, request: Any, context: Any) -> pb.CreateTokenResponse:
        """Refused."""
        _tokens()

    async def ListTokens(self, request: Any, context: Any) -> pb.ListTokensResponse:
        """Refused."""
        _tokens()

    async def RevokeToken(self, request: Any, context: Any) -> pb.Token:
        """Refused."""
        _tokens()

    async def EraseUnit(self, request: Any, context: Any) -> pb.EraseUnitResponse:
        """Refused."""
        raise Unsupported("this server does not erase units yet; nothing was erased")

    def ExportUnit(self, request: Any, context: Any) -> AsyncIterator[pb.ExportUnitResponse]:
        """Refused."""
        raise Unsupported("this server does not export units yet")


def _tokens() -> NoReturn:
    raise Unsupported(
        "this server has one token, set by FAIRLIFT_TOKEN; it does not manage tokens yet"
    )
