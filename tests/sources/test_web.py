"""Product pages: robots.txt and rate obeyed, other hosts left alone, JSON-LD of every shape."""

import itertools
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from src.errors import SourceError
from src.sources.landed import Landed
from src.sources.origins import WebOrigin
from src.sources.web import land_web
from src.sources.web_spider import find_products, read_product
from tests.sources.servers import Site

DELAY = 0.4
TEA = {
    "@type": "Product",
    "sku": "T1",
    "name": "Grüner Tee",
    "category": "Tea",
    "brand": {"@type": "Brand", "name": "Halm"},
    "image": ["/t1.jpg", "/t2.jpg"],
    "offers": {
        "@type": "Offer",
        "price": "4.50",
        "priceCurrency": "EUR",
        "availability": "https://schema.org/InStock",
    },
}
CUP = {"@type": ["Product", "Thing"], "mpn": 77, "name": "Cup", "offers": [{"lowPrice": 9}]}
JAR = {"@type": "Product", "name": "Jar", "offers": {"price": "ask us"}}


def page(*documents: object) -> bytes:
    scripts = "".join(
        f'<script type="application/ld+json">{each if isinstance(each, str) else json.dumps(each)}'
        "</script>"
        for each in documents
    )
    return f"<html><head>{scripts}</head><body>A shop</body></html>".encode()


def shop(elsewhere: str):
    """Answers of a shop whose sitemap names what may not be read, and what is not its own."""
    pages = {
        "/tea": page({"@context": "https://schema.org", **TEA}),
        "/cup": page('{"broken": ', {"@graph": [{"@type": "WebPage"}, CUP]}),
        "/jar": page([{"@type": "BreadcrumbList"}, JAR]),
        "/about": page({"@type": "Organization"}),
        "/secret/tea": page(TEA),
        "/huge": b" " * 11_000_000 + page(TEA),
    }
    locations = [*pages, "/gone", "/away", f"{elsewhere}/tea"]

    def answer(path, query, headers):
        host = f"http://{headers['Host']}"
        if path == "/robots.txt":
            return 200, {}, f"User-agent: *\nCrawl-delay: {DELAY}\nDisallow: /secret".encode()
        if path == "/sitemap.xml":
            body = f"<sitemap><loc>{host}/pages.xml</loc></sitemap>"
            return xml(f"<sitemapindex>{body}</sitemapindex>")
        if path == "/pages.xml":
            found = "".join(
                f"<url><loc>{each if each.startswith('http') else host + each}</loc></url>"
                for each in locations
            )
            return xml(f"<urlset>{found}</urlset>")
        if path == "/away":
            return 302, {"Location": f"{elsewhere}/stolen"}, b""
        if path in pages:
            return 200, {"Content-Type": "text/html; charset=utf-8"}, pages[path]
        return 404, {}, b""

    return answer


def xml(body: str) -> tuple[int, dict, bytes]:
    return 200, {"Content-Type": "application/xml"}, f'<?xml version="1.0"?>{body}'.encode()


def land(folder: Path, url: str, **fields: object) -> Landed:
    origin = WebOrigin(sitemap=f"{url}/sitemap.xml", **fields)
    return land_web("small_shop", "products_raw", origin, folder, lambda n: None)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    """What came of one crawl, what the shop was asked, and what the other host was."""
    with (
        Site(lambda *_: (200, {"Content-Type": "text/html"}, page(TEA))) as other,
        Site(shop(other.url)) as site,
    ):
        landed = land(tmp_path_factory.mktemp("web"), site.url, pages_per_second=50.0)
        yield landed, site, other


def test_products_of_every_shape_are_found(crawled):
    landed, site, _ = crawled
    (file,) = landed.files
    rows = sorted(pq.read_table(file).to_pylist(), key=lambda row: row["product_name"])
    assert [row["product_id"] for row in rows] == ["77", "T1", f"{site.url}/jar"]
    assert rows[1] == {
        "product_id": "T1",
        "product_name": "Grüner Tee",
        "category": "Tea",
        "brand": "Halm",
        "list_value": "4.5",  # text, as another price is none
        "currency": "EUR",
        "product_url": f"{site.url}/tea",
        "image_url": f"{site.url}/t1.jpg",
        "availability": "InStock",
    }
    assert [row["list_value"] for row in rows] == ["9.0", "4.5", "ask us"]
    assert (landed.n_rows, landed.n_read) == (3, 3)


def test_pages_that_robots_forbids_are_never_asked_for(crawled):
    asked = [path for _, path, _ in crawled[1].asked]
    assert "/robots.txt" in asked
    assert {"/tea", "/cup", "/jar", "/about", "/away", "/gone"} <= set(asked)
    assert not [path for path in asked if path.startswith("/secret")]


def test_no_other_host_is_visited_by_sitemap_or_redirect(crawled):
    assert crawled[2].asked == []


def test_the_delay_of_robots_is_kept_between_any_two_requests(crawled):
    times = [time for time, _, _ in crawled[1].asked]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) >= 8
    assert min(gaps) >= DELAY * 0.9  # the server's clock, not the crawler's


def test_no_more_pages_than_allowed_are_asked_for(tmp_path):
    with Site(shop("http://127.0.0.1:9")) as site:
        landed = land(tmp_path, site.url, max_pages=1, pages_per_second=50.0)
    assert landed.n_rows == 1
    assert [path for _, path, _ in site.asked][-1] == "/tea"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"/sitemap.xml": (404, {}, b"")}, "the sitemap cannot be read"),
        ({"/robots.txt": (503, {}, b"")}, "robots.txt cannot be read"),
        ({"/robots.txt": (200, {}, b"User-agent: *\nDisallow: /")}, "the sitemap cannot be read"),
        ({"/tea": (500, {}, b""), "/cup": (500, {}, b"")}, "2 of 2 pages that fail"),
        ({"/tea": (200, {}, page()), "/cup": (404, {}, b"")}, "no JSON-LD Product on 1 pages"),
    ],
    ids=["no sitemap", "no robots", "all forbidden", "pages fail", "no products"],
)
def test_a_site_that_gives_no_products_leaves_what_was_landed(tmp_path, broken, told):
    replaced: dict = {}
    places = ["/tea", "/cup"]

    def answer(path, query, headers):
        if path in replaced:
            return replaced[path]
        if path == "/sitemap.xml":
            found = "".join(
                f"<url><loc>http://{headers['Host']}{each}</loc></url>" for each in places
            )
            return xml(f"<urlset>{found}</urlset>")
        return (
            (404, {}, b"")
            if path == "/robots.txt"
            else (200, {"Content-Type": "text/html"}, page(TEA))
        )

    with Site(answer) as site:
        before = land(tmp_path, site.url, pages_per_second=50.0)
        replaced |= broken
        with pytest.raises(SourceError, match=told) as caught:
            land(tmp_path, site.url, pages_per_second=50.0)
    assert "\n" not in str(caught.value)
    assert [file.is_file() for file in before.files] == [True]


def test_products_that_a_page_only_mentions_are_left_out():
    document = {**TEA, "isRelatedTo": [CUP]}
    assert [product["name"] for product in find_products([document])] == ["Grüner Tee"]
    assert [p["name"] for p in find_products({"mainEntity": JAR})] == ["Jar"]
    assert list(find_products(["text", None, 3, {"@type": None}])) == []


def test_a_price_in_a_specification_is_found():
    offer = {"priceSpecification": [{"price": 3, "priceCurrency": "CHF"}]}
    row = read_product({"offers": offer, "name": ["A"], "url": "/a"}, "http://shop/x")
    assert (row["list_value"], row["currency"]) == (3.0, "CHF")
    assert (row["product_id"], row["product_name"]) == ("http://shop/a", "A")
