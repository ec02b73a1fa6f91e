"""The crawler of product pages, run as a child process: ``python -m src.sources.web_spider``.

It reads its task as one line of JSON from standard input, and ends when that is closed.
"""

from collections.abc import Iterable, Iterator
import json
import os
from pathlib import Path
import sys
import threading
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

from src.sources.uniform import read_json

__all__ = ["find_products", "main", "read_product"]

_AGENT = "campanile"
_MAX_BYTES = 10_000_000
_TIMEOUT = 30


def find_products(document: Any) -> Iterator[dict[str, Any]]:
    """Find the products that a JSON-LD document is about, not those it merely mentions.

    Examples
    --------
    >>> [p["name"] for p in find_products({"@graph": [{"@type": "Product", "name": "Tea"}]})]
    ['Tea']
    """
    waiting = [document]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            kinds = part.get("@type")
            if "Product" in (kinds if isinstance(kinds, list) else [kinds]):
                yield part
            else:
                waiting.extend(part[name] for name in ("@graph", "mainEntity") if name in part)


def read_product(product: dict[str, Any], page: str) -> dict[str, Any]:
    """Take from a schema.org `Product` what a product list needs.

    Parameters
    ----------
    product : dict
        The product as JSON-LD has it.
    page : str
        Address of its page.

    Examples
    --------
    >>> offer = {"price": "4.50", "priceCurrency": "EUR", "availability": "http://x.org/InStock"}
    >>> row = read_product({"sku": "T1", "name": "Tea", "offers": [offer]}, "http://shop/t1")
    >>> row["product_id"], row["list_value"], row["currency"], row["availability"]
    ('T1', 4.5, 'EUR', 'InStock')
    """
    offer = _first(product.get("offers")) or {}
    specification = _first(offer.get("priceSpecification")) or {}
    price = _any(offer, "price", "lowPrice") or _any(specification, "price")
    url = _text(product.get("url"))
    availability = _text(offer.get("availability"))
    image = _text(product.get("image"))
    return {
        "product_id": _text(_any(product, "sku", "productID", "mpn")) or urljoin(page, url or ""),
        "product_name": _text(product.get("name")),
        "category": _text(product.get("category")),
        "brand": _text(product.get("brand")),
        "list_value": _number(price),
        "currency": _text(_any(offer, "priceCurrency") or _any(specification, "priceCurrency")),
        "product_url": urljoin(page, url or ""),
        "image_url": urljoin(page, image) if image else None,
        "availability": availability.rpartition("/")[2] if availability else None,
    }


def _first(value: Any) -> dict[str, Any] | None:
    """First object of a value that may be one or several."""
    values = value if isinstance(value, list) else [value]
    return next((each for each in values if isinstance(each, dict)), None)


def _any(record: dict[str, Any], *names: str) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _text(value: Any) -> str | None:
    """Text of a value that may be a text, a number, a thing with a name, or a list of them."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = _any(value, "name", "url", "@id")
    return str(value).strip() or None if isinstance(value, str | int | float) else None


def _number(value: Any) -> float | str | None:
    """Read a price; what is none stays as it is, for the reading of texts to judge."""
    try:
        return float(value) if value is not None else None
    except (TypeError, ValueError):
        return _text(value)


def main() -> None:
    """Crawl as the task on standard input says; write products and counts to its folder."""
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    counts: dict[str, Any] = {"sitemaps": 0, "pages": 0, "failed": 0, "broken_json": 0}
    delay = _read_delay(task, counts)
    if "broke" not in counts:
        time.sleep(delay)
        _run(task, delay, counts)
    (Path(task["work"]) / "counts.json").write_text(json.dumps(counts))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _read_delay(task: dict[str, Any], counts: dict[str, Any]) -> float:
    """Seconds between two requests: as asked for, or more where robots.txt says so."""
    from protego import Protego
    import requests

    address = urljoin(task["sitemap"], "/robots.txt")
    delay = 1 / task["pages_per_second"]
    try:
        answer = requests.get(
            address, headers={"User-Agent": _AGENT}, timeout=_TIMEOUT, allow_redirects=False
        )
    except requests.RequestException:
        counts["broke"] = "robots.txt"
        return delay
    if answer.status_code >= 500 or answer.is_redirect:
        counts["broke"] = "robots.txt"
    if not answer.ok:
        return delay
    return max(delay, Protego.parse(answer.text[:_MAX_BYTES]).crawl_delay(_AGENT) or 0)


def _run(task: dict[str, Any], delay: float, counts: dict[str, Any]) -> None:
    from scrapy.crawler import CrawlerProcess

    process = CrawlerProcess(_settings(delay), install_root_handler=False)
    crawler = process.create_crawler(_spider_class())
    with (Path(task["work"]) / "products.jsonl").open("w", encoding="utf-8") as products:
        process.crawl(crawler, task=task, counts=counts, products=products)
        process.start()
    stats = crawler.stats.get_stats()
    counts["failed"] = stats.get("retry/max_reached", 0)
    counts["forbidden"] = stats.get("robotstxt/forbidden", 0)
    if not counts["sitemaps"]:
        counts["broke"] = "the sitemap"


def _settings(delay: float) -> dict[str, Any]:
    return {
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": _AGENT,
        "USER_AGENT": _AGENT,
        "DOWNLOAD_DELAY": delay,
        "RANDOMIZE_DOWNLOAD_DELAY": False,
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_MAXSIZE": _MAX_BYTES,
        "DOWNLOAD_TIMEOUT": _TIMEOUT,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_ENABLED": False,
        "DOWNLOADER_MIDDLEWARES": {"src.sources.web_spider.OwnSite": 50},
    }


class OwnSite:
    """Refuse every request to another site, wherever it came from: a sitemap or a redirect."""

    @classmethod
    def from_crawler(cls, crawler: Any) -> "OwnSite":
        """Make one for a crawler."""
        middleware = cls()
        middleware.crawler = crawler
        return middleware

    def process_request(self, request: Any) -> None:
        """Let a request pass only to the sitemap's scheme, host and port."""
        from scrapy.exceptions import IgnoreRequest

        if not self.crawler.spider.is_own(request.url):
            raise IgnoreRequest


def _spider_class() -> type:
    """Make the class of the spider, which needs the crawler's library."""
    from scrapy.http import TextResponse
    from scrapy.spiders import SitemapSpider

    class ProductSpider(SitemapSpider):
        name = "products"

        def __init__(self, task: dict[str, Any], counts: dict[str, Any], products: Any) -> None:
            super().__init__()
            self.task, self.counts, self.products = task, counts, products
            self.sitemap_urls = [task["sitemap"]]
            self.n_asked = 0

        def is_own(self, url: str) -> bool:
            return urlsplit(url)[:2] == urlsplit(self.task["sitemap"])[:2]

        def sitemap_filter(self, entries: Any) -> Iterable[dict[str, Any]]:
            self.counts["sitemaps"] += 1
            for entry in entries:
                is_index = entries.type == "sitemapindex"
                if not self.is_own(entry["loc"]):
                    continue
                if not is_index and self.n_asked >= self.task["max_pages"]:
                    self.counts["is_cut"] = True
                    return
                self.n_asked += not is_index
                yield entry

        def parse(self, response: Any) -> None:
            self.counts["pages"] += 1
            if not isinstance(response, TextResponse):
                return
            for script in response.css('script[type*="ld+json"]::text').getall():
                try:
                    document = read_json(script)
                except ValueError:
                    self.counts["broken_json"] += 1
                    continue
                for product in find_products(document):
                    row = read_product(product, response.url)
                    self.products.write(json.dumps(row) + "\n")

    return ProductSpider


if __name__ == "__main__":
    main()
