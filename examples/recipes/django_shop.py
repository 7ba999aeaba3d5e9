"""Django: a middleware that knows the visitor, and one client made when the process starts.

In a project, `Fairlift` stands in MIDDLEWARE, and the client is made in an AppConfig's `ready()`.
"""

import os
import secrets
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from fairlift import Client, OrderLine, micros

COOKIE = "visitor"


@cache
def client() -> Client:
    """The client of this process; a forked worker gets its own connection."""
    return Client(os.environ["FAIRLIFT_SERVER"])


class Fairlift:
    """Gives each request its visitor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Reads the cookie, and sets it on the first visit."""
        cookie = request.COOKIES.get(COOKIE)
        request.META["fairlift.visitor"] = visitor = cookie or secrets.token_urlsafe(12)
        response = self._get_response(request)
        if cookie is None:
            response.set_cookie(COOKIE, visitor, httponly=True, samesite="Lax")
        return response


def cart(request: HttpRequest) -> HttpResponse:
    """The variant, exposed only when the cart's banner is really in the page."""
    attributes = {"country": request.headers.get("X-Country", "")}
    assigned = client().assign("spring", request.META["fairlift.visitor"], attributes)
    if request.GET.get("banner") == "yes":
        client().expose(assigned)
    return JsonResponse({"variant": assigned.variant, "free_from": assigned.value("threshold", 0)})


def checkout(request: HttpRequest) -> HttpResponse:
    """An order; `Decimal` prices become micros exactly."""
    lines = [OrderLine(request.POST["product"], 1, micros(request.POST["price"]))]
    visitor = request.META["fairlift.visitor"]
    client().order(visitor, request.POST["order"], lines, currency="EUR")
    return HttpResponse(status=204)


urlpatterns = [path("cart", cart), path("checkout", checkout)]

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["testserver", "localhost"],
        MIDDLEWARE=[f"{__name__}.Fairlift"],
        SECRET_KEY=secrets.token_hex(),
        USE_TZ=True,
    )
