"""The recipes of docs/recipes.md, run against a real server."""

import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from fairlift import Client

from tests.client.shop import Shop, eventually

ROOT = Path(__file__).parents[2]
SPAIN = {"X-Country": "ES"}


@pytest.fixture(autouse=True)
def _server_in_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLIFT_SERVER", shop.target)


def test_flask(shop: Shop) -> None:
    pytest.importorskip("flask")
    from examples.recipes.flask_shop import create_app

    with Client(shop.target) as client:
        assert client.wait_ready(10)
        browser = create_app(client).test_client()
        first = browser.get("/cart?value=40", headers=SPAIN)
        again = browser.get("/cart?value=45", headers=SPAIN)
        browser.post("/newsletter")
        bot = create_app(client).test_client()
        bot.get("/cart", headers={**SPAIN, "User-Agent": "Googlebot/2.1"})

    assert first.json == again.json
    (exposure,) = shop.of_kind("exposure")
    (action,) = shop.of_kind("action")
    assert exposure.unit_id == action.unit_id
    assert first.json is not None
    assert exposure.variant == first.json["variant"]
    assert "visitor=" in first.headers["Set-Cookie"]
    assert "Set-Cookie" not in again.headers


def test_django(shop: Shop) -> None:
    django = pytest.importorskip("django")
    from examples.recipes import django_shop

    django.setup()
    from django.test import Client as Browser

    client = django_shop.client()
    assert client.wait_ready(10)
    browser = Browser()
    hidden = browser.get("/cart", headers=SPAIN)
    assert client.flush()
    assert shop.of_kind("exposure") == []
    shown = browser.get("/cart?banner=yes", headers=SPAIN)
    browser.post("/checkout", {"order": "o1", "product": "p", "price": "19.90"})
    client.close()
    django_shop.client.cache_clear()

    assert hidden.json() == shown.json()
    (exposure,) = shop.of_kind("exposure")
    (order,) = shop.of_kind("order")
    assert exposure.unit_id == order.unit_id
    assert order.lines[0].unit_price_micros == 19_900_000


async def test_fastapi(shop: Shop) -> None:
    pytest.importorskip("fastapi")
    httpx = pytest.importorskip("httpx")
    from examples.recipes.fastapi_shop import app

    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as browser,
    ):
        assert app.state.fairlift.wait_ready(10)
        for number in range(10):
            browser.cookies.set("visitor", f"v{number}")
            answer = await browser.get("/cart", headers=SPAIN)
            assert answer.json()["variant"] in ("control", "treatment")

    assert {each.unit_id for each in shop.of_kind("exposure")} == {f"v{n}" for n in range(10)}


def test_celery(shop: Shop, tmp_path: Path) -> None:
    pytest.importorskip("celery")
    environment = {
        **os.environ,
        "BROKER": "filesystem://",
        "BROKER_FOLDER": str(tmp_path),
        "FAIRLIFT_SERVER": shop.target,
    }
    worker = [sys.executable, "-m", "celery", "-A", "examples.recipes.celery_worker", "worker"]
    options = ["--concurrency", "2", "--without-mingle", "--without-gossip", "--loglevel", "INFO"]
    send = (
        "from examples.recipes.celery_worker import fairlift, record_order\n"
        "for i in range(40): record_order.delay(f'v{i}', f'o{i}', '9.90')\n"
    )
    subprocess.run([sys.executable, "-c", send], env=environment, cwd=ROOT, check=True, timeout=60)
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen([*worker, *options], env=environment, cwd=ROOT, stderr=log)
    try:
        succeeded = re.compile(r"record_order\S* succeeded")
        text = tmp_path / "log"
        assert eventually(lambda: len(succeeded.findall(text.read_text())) == 40, 60)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()

    assert {each.order_id for each in shop.of_kind("order")} == {f"o{i}" for i in range(40)}
    assert len(shop.events) == 40


def test_edge_cache(shop: Shop) -> None:
    from examples.recipes.edge_cache import COOKIE, HEADER, cache_key, cached, seen

    spain = {"country": "ES"}
    variants: dict[str, set[str]] = defaultdict(set)
    with Client(shop.target) as client:
        assert client.wait_ready(10)
        for number in range(100):
            shown = client.assign_all(f"v{number}", spain)
            variants[cache_key(shown.values())].add(shown["spring"].variant)
        page = cached(client.assign_all("v1", spain), seconds=60)
        assert client.flush()
        assert shop.of_kind("exposure") == []
        assert seen(client, "spring", "v1", spain)
        assert not seen(client, "spring", "v1", spain)

    assert sorted(map(sorted, variants.values())) == [["control"], ["treatment"]]
    assert page["headers"]["Vary"] == HEADER
    assert page["headers"]["Surrogate-Key"] == "spring"
    assert page["cookies"][COOKIE] in variants
    assert len(shop.of_kind("exposure")) == 1


def test_recipes_are_told_in_the_documentation() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text()
    recipes = {path.name for path in (ROOT / "examples" / "recipes").glob("[a-z]*.py")}

    assert recipes
    assert {name for name in recipes if f"examples/recipes/{name}" not in page} == set()
