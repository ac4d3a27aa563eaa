"""The built pages as files: they load nothing from other hosts, and every link has a target."""

import posixpath
import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import html5lib
import pytest
from bs4 import BeautifulSoup

# Elements whose address the browser fetches without a click.
LOADING = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
# Kinds of <link> that fetch nothing.
LINKS_NOT_LOADED = {"index", "search", "next", "prev", "canonical", "license", "author", "alternate"}
IN_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


def addresses_in_style(css):
    return [one or other for one, other in IN_STYLE.findall(css)]


def loaded_by(soup):
    """All addresses that a browser fetches to show the page."""
    for name, attributes in LOADING.items():
        for element in soup.find_all(name):
            for attribute in attributes:
                value = element.get(attribute)
                if value and attribute == "srcset":
                    yield from (part.split()[0] for part in value.split(",") if part.strip())
                elif value:
                    yield value
    for link in soup.find_all("link", href=True):
        if not LINKS_NOT_LOADED.issuperset(link.get("rel", [])):
            yield link["href"]
    for element in soup.find_all(style=True):
        yield from addresses_in_style(element["style"])
    for style in soup.find_all("style"):
        yield from addresses_in_style(style.get_text())


def is_outside(address):
    parts = urlsplit(address.strip())
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def target(page, address):
    """The file within the site that an address on a page refers to, and the fragment within it."""
    parts = urlsplit(address)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path)))
    return (path if parts.path else page), unquote(parts.fragment)


@pytest.mark.parametrize(
    ("html", "address"),
    [
        ('<script src="https://cdn.example/a.js"></script>', "https://cdn.example/a.js"),
        ('<script src="//cdn.example/a.js"></script>', "//cdn.example/a.js"),
        ('<link rel="preconnect" href="https://fonts.example">', "https://fonts.example"),
        ('<img srcset="a.png 1x, https://img.example/b.png 2x">', "https://img.example/b.png"),
        ('<p style="background: url(http://a.example/b.png)">', "http://a.example/b.png"),
        ("<style>@import 'https://a.example/b.css';</style>", "https://a.example/b.css"),
    ],
)
def test_addresses_of_other_hosts_are_found(html, address):
    """Otherwise the next tests could not fail."""
    found = [found for found in loaded_by(BeautifulSoup(html, "html.parser")) if is_outside(found)]
    assert found == [address]


def test_pages_load_nothing_from_outside(soups):
    outside = {
        f"{page}: {address}" for page, soup in soups.items() for address in loaded_by(soup) if is_outside(address)
    }
    assert not outside


def test_styles_load_nothing_from_outside(site):
    styles = list(site.rglob("*.css"))
    assert styles
    outside = {
        f"{style.name}: {address}"
        for style in styles
        for address in addresses_in_style(style.read_text(encoding="utf-8"))
        if is_outside(address)
    }
    assert not outside


def test_everything_that_pages_load_exists(site, soups):
    missing = {
        f"{page}: {address}"
        for page, soup in soups.items()
        for address in loaded_by(soup)
        if not is_outside(address) and not address.startswith("data:")
        if not (site / target(page, address)[0]).is_file()
    }
    assert not missing


def test_links_within_the_book_have_targets(site, soups):
    places = {
        page: {element[key] for key in ("id", "name") for element in soup.find_all(**{"attrs": {key: True}})}
        for page, soup in soups.items()
    }
    broken = set()
    for page, soup in soups.items():
        for link in soup.find_all("a", href=True):
            address = link["href"]
            if urlsplit(address).scheme or urlsplit(address).netloc:
                continue
            file, place = target(page, address)
            if not (site / file).is_file():
                broken.add(f"{page}: {address} (no such file)")
            elif place and file in places and place not in places[file]:
                broken.add(f"{page}: {address} (no such place)")
    assert not broken


def test_every_picture_has_alternative_text(soups):
    """An empty text marks decoration, which is allowed only outside of the article."""
    bare = {
        f"{page}: {image.get('src')}"
        for page, soup in soups.items()
        for image in soup.find_all("img")
        if "alt" not in image.attrs or (image.find_parent("article") and not image["alt"].strip())
    }
    assert not bare


def test_no_picture_is_described_by_its_file_name(soups):
    """Sphinx uses a picture's path if its author wrote no text."""
    named = {
        f"{page}: {image['alt']}"
        for page, soup in soups.items()
        for image in soup.select("article img[alt]")
        if re.search(r"\.(png|svg|jpe?g|gif)$", image["alt"].strip())
    }
    assert not named


def test_every_page_has_one_title_and_a_language(soups):
    for page, soup in soups.items():
        assert soup.html.get("lang") == "en", page
        assert soup.title.get_text(strip=True), page
        # The theme repeats the title in a header that only printing shows.
        titles = [h1 for h1 in soup.find_all("h1") if not h1.find_parent(id="jb-print-docs-body")]
        assert len(titles) == 1, page


def test_every_figure_has_a_caption(soups):
    bare = {
        f"{page}: {figure.get('id')}"
        for page, soup in soups.items()
        for figure in soup.select("article figure")
        if not (figure.figcaption and figure.figcaption.get_text(strip=True))
    }
    assert not bare


def test_every_page_has_a_description_of_its_own(soups, chapters):
    descriptions = {page: soups[page].select("meta[name=description]") for page in chapters}
    assert [page for page, tags in descriptions.items() if len(tags) != 1] == []
    texts = [tags[0]["content"] for tags in descriptions.values()]
    assert all(20 < len(text) <= 165 for text in texts)
    assert len(set(texts)) == len(texts)
    assert len({soup.title.get_text() for soup in soups.values()}) == len(soups)


def test_every_page_has_an_icon_and_downloads_as_notebook_and_as_script(site, soups, chapters):
    for page in chapters:
        assert soups[page].select_one("link[rel=icon]"), page
        for button in ("source", "script"):
            link = soups[page].select_one(f"a.btn-download-{button}-button")
            file, _ = target(page, link["href"])
            assert (site / file).is_file(), page
            if button == "script":
                compile((site / file).read_text(encoding="utf-8"), file, "exec")


def test_page_for_wrong_addresses_links_to_the_first_page_and_the_search(soups):
    links = {link["href"] for link in soups["404.html"].select("article a[href]")}
    assert {"index.html", "search.html"} <= links


# Elements that hold text and inline elements only, and elements that are not inline.
TEXT_ONLY = {
    "p",
    "pre",
    "span",
    "em",
    "strong",
    "code",
    "button",
    "label",
    "summary",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
}
BLOCKS = {"p", "pre", "div", "section", "article", "ul", "ol", "dl", "table", "figure", "form", "details", "blockquote"}


def invalid(html):
    """What is invalid in a page: errors of the parser, ids given twice, elements where they may not stand."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(html)
    yield from (f"line {line}: {code}" for (line, _), code, _ in parser.errors)
    ids = Counter(element.get("id") for element in tree.iter() if element.get("id") is not None)
    yield from (f"id {name!r}: {count} times" for name, count in ids.items() if count > 1 or not name or " " in name)
    for element in tree.iter():
        if element.tag in TEXT_ONLY:
            yield from (
                f"{inner.tag} in {element.tag}" for inner in element.iter() if inner.tag in BLOCKS - {element.tag}
            )
    yield from ("style in body" for _ in tree.find("body").iter("style"))
    yield from ("a within a" for link in tree.iter("a") for _ in link.iterfind(".//a"))


PAGE = "<!DOCTYPE html><html lang=en><title>A page</title><body>{}</body></html>"


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ("<p>text</div>", "line 1: end-tag-too-early"),
        ("<p id=a></p><p id=a></p>", "id 'a': 2 times"),
        ("<p id=''></p>", "id '': 1 times"),
        ("<details><summary><p>text</p></summary></details>", "p in summary"),
        ("<div><style>p {color: red}</style></div>", "style in body"),
    ],
)
def test_invalid_html_is_found(wrong, found):
    assert list(invalid(PAGE.format("<p>text</p>"))) == []
    assert list(invalid(PAGE.format(wrong))) == [found]


def test_every_page_is_valid_html(site, pages):
    found = {page: sorted(set(invalid((site / page).read_text(encoding="utf-8")))) for page in pages}
    assert {page: errors for page, errors in found.items() if errors} == {}
