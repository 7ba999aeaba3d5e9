"""Flask: one client for the process, an anonymous visitor's cookie, an exposure when shown.

    gunicorn --preload 'examples.recipes.flask_shop:create_app()'

With --preload the client is created once, before the workers are forked; each worker then gets its
own connection, and sends its events when it ends.
"""

import os
import secrets

from fairlift import Client
from flask import Flask, Response, g, jsonify, request

COOKIE = "visitor"
A_YEAR_S = 365 * 24 * 3600


def create_app(client: Client | None = None) -> Flask:
    """The shop; without a client, one for the server in FAIRLIFT_SERVER."""
    app = Flask(__name__)
    fairlift = client or Client(os.environ["FAIRLIFT_SERVER"])

    @app.before_request
    def know_the_visitor() -> None:
        g.visitor = request.cookies.get(COOKIE) or secrets.token_urlsafe(12)

    @app.after_request
    def remember_the_visitor(response: Response) -> Response:
        if COOKIE not in request.cookies:
            response.set_cookie(COOKIE, g.visitor, max_age=A_YEAR_S, httponly=True, samesite="Lax")
        return response

    @app.get("/cart")
    def cart() -> Response:
        attributes = {
            "country": request.headers.get("X-Country", ""),
            "cart_value": request.args.get("value", 0.0, type=float),
            "user_agent": request.user_agent.string,
        }
        assigned = fairlift.assign("spring", g.visitor, attributes, expose=True)
        return jsonify(variant=assigned.variant, free_from=assigned.value("threshold", 0))

    @app.post("/newsletter")
    def newsletter() -> tuple[str, int]:
        fairlift.action(g.visitor, "newsletter")
        return "", 204

    return app
