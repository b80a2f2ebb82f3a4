"""Hosts, origins and proxies that an operator names: as clients send them, or refused."""

import pytest
from click.testing import CliRunner
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from cofactor.cli.serve import serve
from cofactor.errors import BadData
from cofactor.serving.allowed_clients import check_host, check_origin, check_proxy
from cofactor.serving.api.application import create_app
from cofactor.serving.server_config import ServerConfig
from tests.recording_service import Models
from tests.small_service import ask


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Shop.Example.org", "shop.example.org"),
        ("shop:8000", "shop:8000"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]:80", "[2001:db8::1]:80"),
        ("*", "*"),
    ],
)
def test_a_host_is_kept_in_lower_case(given, kept):
    assert check_host(given) == kept


@pytest.mark.parametrize(
    "given", ["https://shop.example.org", "shop/", "a b", "", "::1", "shop:", "shop:port", "*.shop"]
)
def test_what_no_client_sends_as_its_host_is_refused(given):
    with pytest.raises(BadData, match="is no host name") as refused:
        check_host(given)
    assert "recommender.example.org" in refused.value.hint


def test_the_case_of_a_host_does_not_matter():
    app = create_app(Models(), ServerConfig(models=(), hosts=(check_host("Shop.example:8000"), "localhost")))
    for host, status in (("shop.EXAMPLE:8000", 200), ("shop.example:8001", 421), ("LOCALHOST:1", 200)):
        assert ask(app, "/genres", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Shop.example.org/", "https://shop.example.org"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given, kept):
    assert check_origin(given) == kept


@pytest.mark.parametrize(
    "given", ["*", "null", "shop.example.org", "https://shop.example.org/app", "https://a b", "//a", ""]
)
def test_what_is_no_origin_is_refused(given):
    with pytest.raises(BadData, match="is no origin") as refused:
        check_origin(given)
    assert "https://" in refused.value.hint


@pytest.mark.parametrize(
    ("given", "trusted", "others"),
    [
        ("192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.8", "::ffff:192.0.2.8", "::192.0.2.7"]),
        ("10.0.0.0/8", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.1.2.3", "::ffff:11.1.2.3"]),
        ("2001:db8::7", ["2001:db8:0::7"], ["2001:db8::8"]),
    ],
)
def test_a_proxy_is_trusted_at_its_address_of_either_version(given, trusted, others):
    middleware = ProxyHeadersMiddleware(create_app(Models()), trusted_hosts=list(check_proxy(given)))  # type: ignore[arg-type]
    assert all(address in middleware.trusted_hosts for address in trusted)
    assert not any(address in middleware.trusted_hosts for address in others)


@pytest.mark.parametrize("given", ["*", "proxy.example.org", "10.0.0.1/8", "10.0.0", "", "fe80::1%eth0/64"])
def test_what_is_no_address_of_a_proxy_is_refused(given):
    with pytest.raises(BadData, match="is no address of a proxy"):
        check_proxy(given)


@pytest.mark.parametrize(
    "option",
    [
        ("--rate", "nan"),
        ("--rate", "inf"),
        ("--rate", "1e-320"),
        ("--watch", "nan"),
        ("--drain", "inf"),
        ("--drain", "1e300"),
        ("--proxy", "*"),
        ("--origin", "shop"),
        ("--allowed-host", "https://shop"),
    ],
)
def test_an_option_that_means_nothing_is_refused_before_the_start(option, tmp_path):
    done = CliRunner().invoke(serve, [str(tmp_path), "--port", "0", *option])
    assert done.exit_code != 0
    assert isinstance(done.exception, BadData) or f"'{option[0]}'" in done.output
