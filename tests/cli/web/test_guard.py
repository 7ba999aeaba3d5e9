"""Who may read the pages: this machine alone, or whoever a sign-on proxy names."""

from html import unescape

import pytest
from fairlift_cli.failures import Misused
from fairlift_cli.web.web_settings import WebSettings, web_settings

from tests.cli.web.conftest import Visit

URL = "https://results.shop.example"
SIGNED_ON = {"X-Forwarded-User": "ana@shop.example"}


def behind_proxy(user_header: str = "X-Forwarded-User") -> WebSettings:
    return web_settings("0.0.0.0:0", base_url=URL, user_header=user_header)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8765", "localhost:99", "LOCALHOST"])
def test_names_of_this_machine_are_served(visit: Visit, host: str) -> None:
    assert visit().get("/", headers={"host": host}).status_code == 200


def test_ipv6_loopback_is_served(visit: Visit) -> None:
    assert visit().get("/", headers={"host": "[::1]:8765"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "[::2]:1"]
)
def test_another_name_is_refused_as_dns_rebinding(visit: Visit, host: str) -> None:
    page = visit().get("/", headers={"host": host})

    assert page.status_code == 421
    assert "This address is not served" in page.text
    assert "free-shipping" not in page.text


@pytest.mark.parametrize("path", ["/", "/campaigns/free-shipping", "/nope", "/assets/page.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(visit: Visit, path: str, method: str) -> None:
    assert visit().request(method, path).status_code == 405


def test_every_answer_has_the_headers_that_browsers_obey(visit: Visit) -> None:
    browser = visit()

    for path in ("/", "/campaigns/free-shipping", "/nope", "/assets/live.js",
                 "/campaigns/free-shipping/report.html"):  # fmt: skip
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "'unsafe-inline'" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        is_asset = path.startswith("/assets/")
        assert ("no-store" in headers["cache-control"]) is not is_asset


def test_a_signed_on_user_reads_and_is_named(visit: Visit) -> None:
    page = visit(behind_proxy(), host="results.shop.example").get("/", headers=SIGNED_ON)

    assert page.status_code == 200
    assert "Signed on as ana@shop.example" in page.text


def test_the_name_of_a_signed_on_user_hides_nothing(visit: Visit) -> None:
    """Headers are read as Latin-1, whose hidden signs are controls and the soft hyphen."""
    browser = visit(behind_proxy(), host="results.shop.example")

    page = browser.get("/", headers=[(b"X-Forwarded-User", b"an\xada\x85 <b>")])

    assert "Signed on as an[U+00AD]a[U+0085] &lt;b&gt;" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Forwarded-User", "")],
        [("X-Forwarded-User", " ")],
        [("X-Forwarded-User", "ana"), ("x-forwarded-user", "mallory")],
        [("X-Forwarded-Email", "ana")],
    ],
)
def test_who_is_not_signed_on_is_refused(visit: Visit, headers: list[tuple[str, str]]) -> None:
    page = visit(behind_proxy(), host="results.shop.example").get("/", headers=headers)

    assert page.status_code == 403
    assert f"sign-on of your company: {URL}" in unescape(page.text)
    assert "free-shipping" not in page.text


def test_who_does_not_come_from_the_proxy_is_refused_with_any_header(visit: Visit) -> None:
    browser = visit(behind_proxy(), peer="10.0.0.9", host="results.shop.example")

    assert browser.get("/", headers=SIGNED_ON).status_code == 403


@pytest.mark.parametrize(
    ("peer", "status"), [("10.0.0.9", 200), ("::ffff:10.0.0.9", 200), ("10.0.1.9", 403)]
)
def test_the_network_of_the_proxy_can_be_named(visit: Visit, peer: str, status: int) -> None:
    settings = web_settings("0.0.0.0:0", base_url=URL, proxies=["10.0.0.0/24"])

    browser = visit(settings, peer=peer, host="results.shop.example")

    assert browser.get("/", headers=SIGNED_ON).status_code == status


def test_the_proxy_hands_on_the_name_that_people_typed(visit: Visit) -> None:
    assert visit(behind_proxy()).get("/", headers=SIGNED_ON).status_code == 421


def test_another_header_can_name_the_user(visit: Visit) -> None:
    browser = visit(behind_proxy(user_header="Remote-User"), host="results.shop.example")

    assert browser.get("/", headers={"Remote-User": "ana"}).status_code == 200
    assert browser.get("/", headers=SIGNED_ON).status_code == 403


def test_pages_below_a_path_link_below_it(visit: Visit) -> None:
    settings = web_settings("127.0.0.1:0", base_url=f"{URL}/fairlift/")
    browser = visit(settings, host="results.shop.example")

    page = browser.get("/fairlift/", headers=SIGNED_ON)

    assert page.status_code == 200
    assert 'href="/fairlift/campaigns/free-shipping"' in page.text
    assert 'data-events="/fairlift/events"' in page.text
    assert browser.get("/", headers=SIGNED_ON).status_code == 404
    assert browser.get("/fairlift", headers=SIGNED_ON).headers["location"] == "/fairlift/"
    chosen = browser.get("/fairlift?language=es&label=team%3A%20x", headers=SIGNED_ON)
    assert chosen.headers["location"] == "/fairlift/?language=es&label=team%3A%20x"
    campaign = browser.get("/fairlift/campaigns/free-shipping", headers=SIGNED_ON)
    assert 'href="/fairlift/campaigns/free-shipping/results.csv"' in campaign.text


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "shop.example:80", "192.168.1.5:80"])
def test_other_machines_are_served_behind_a_proxy_only(listen: str) -> None:
    with pytest.raises(Misused, match="put a sign-on proxy in front"):
        web_settings(listen)


@pytest.mark.parametrize("listen", ["127.0.0.1", "", ":80", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(Misused, match="must be like"):
        web_settings(listen)


@pytest.mark.parametrize(
    "url",
    ["shop.example", "ftp://shop.example", "https://", "https://a:b@shop.example", "https://x/?y",
     "javascript:alert(1)", "https://[::1", "https://s:99999", "https://s:0", "https://s/<b>",
     "https://shop//evil.example", "https://s/ /"],
)  # fmt: skip
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Misused, match="--base-url"):
        web_settings("0.0.0.0:80", base_url=url)


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(Misused, match="--proxy"):
        web_settings("0.0.0.0:80", base_url=URL, proxies=["proxy"])
    with pytest.raises(Misused, match="--proxy needs --base-url"):
        web_settings("127.0.0.1:80", proxies=["10.0.0.1"])


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:8765", "localhost:8765"])
def test_loopback_needs_no_proxy(listen: str) -> None:
    assert not web_settings(listen).is_behind_proxy
