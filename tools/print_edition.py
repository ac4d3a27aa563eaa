"""Print the whole book as one PDF, `_build/book.pdf`: `make print`, which builds the site first.

The browser prints each page of the site with its print style, in the order of the book and with everything unfolded.
Links between pages lead within the PDF.
"""

import argparse
import base64
import io
from pathlib import Path

from chromium import browsing, visit
from command import ROOT, SITE
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, NumberObject

from labcode.files import write_whole

FOOTER = (
    '<div style="font-size:8px;width:100%;text-align:center;color:#555">'
    '<span class="title"></span> · <span class="pageNumber"></span></div>'
)
SHEET = {
    "paperWidth": 8.27,  # A4, in inches
    "paperHeight": 11.69,
    "marginTop": 0.7,
    "marginBottom": 0.8,
    "marginLeft": 0.7,
    "marginRight": 0.7,
    "printBackground": True,
    "displayHeaderFooter": True,
    "headerTemplate": "<span></span>",
    "footerTemplate": FOOTER,
}


def print_page(browser, url: str) -> tuple[bytes, str, str | None]:
    """Return one page as a PDF, its title, and the address of the next page of the book."""
    visit(browser, url)
    # The browser would print a dark page dark.
    browser.execute_script("document.documentElement.dataset.theme = 'light'")
    title = browser.execute_script("return document.querySelector('article h1').firstChild.textContent.trim()")
    following = browser.execute_script("return document.querySelector('link[rel=next]')?.href")
    pdf = browser.execute_cdp_cmd("Page.printToPDF", SHEET)["data"]
    return base64.b64decode(pdf), title, following


def bind(pages: dict[str, tuple[bytes, str]]) -> bytes:
    """Join the PDFs, given by address, with one bookmark per page of the site."""
    book, first = PdfWriter(), {}
    for url, (pdf, title) in pages.items():
        first[url] = len(book.pages)
        book.append(PdfReader(io.BytesIO(pdf)), outline_item=title, import_outline=False)
    for page in book.pages:
        for annotation in page.get("/Annots") or []:
            link = annotation.get_object()
            url = str(link.get("/A", {}).get("/URI", "")).split("#")[0]
            if url in first:
                del link["/A"]
                target = book.pages[first[url]].indirect_reference
                link[NameObject("/Dest")] = ArrayObject([target, NameObject("/XYZ")] + [NumberObject(0)] * 3)
    data = io.BytesIO()
    book.write(data)
    return data.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=SITE, help="the built site")
    parser.add_argument("--first", default="index.html", help="the first page to print")
    parser.add_argument("--pages", type=int, help="how many pages of the site to print (default: all)")
    parser.add_argument("output", type=Path, nargs="?", default=ROOT / "_build" / "book.pdf")
    options = parser.parse_args()
    with browsing(options.html) as (browser, address):
        pages, url = {}, address + options.first
        while url and len(pages) != options.pages:
            pdf, title, following = print_page(browser, url)
            pages[url], url = (pdf, title), following
    write_whole(options.output, bind(pages))
    print(f"{options.output}: {len(pages)} pages of the site")


if __name__ == "__main__":
    main()
