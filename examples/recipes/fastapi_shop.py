"""FastAPI: the client lives as long as the application, and no request ever waits for it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fairlift import Assignment, Client
from fastapi import Cookie, Depends, FastAPI, Header, Request

NEW_VISITOR = "new-visitor"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the client with the application, and sends what waits when it ends."""
    async with Client(os.environ["FAIRLIFT_SERVER"]) as client:
        app.state.fairlift = client
        yield


app = FastAPI(lifespan=lifespan)


def fairlift(request: Request) -> Client:
    """The application's client."""
    client: Client = request.app.state.fairlift
    return client


def spring(
    client: Annotated[Client, Depends(fairlift)],
    visitor: Annotated[str, Cookie()] = NEW_VISITOR,
    x_country: Annotated[str, Header()] = "",
) -> Assignment:
    """The visitor's variant of one campaign, as a dependency of the pages that show it."""
    return client.assign("spring", visitor, {"country": x_country})


@app.get("/cart")
async def cart(
    client: Annotated[Client, Depends(fairlift)], assigned: Annotated[Assignment, Depends(spring)]
) -> dict[str, object]:
    """Deciding takes a microsecond, so it may stand in a coroutine as it is."""
    client.expose(assigned)
    return {"variant": assigned.variant, "free_from": assigned.value("threshold", 0)}
