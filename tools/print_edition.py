"""Print the whole book as one PDF, `_build/book.pdf`: `make print`, which builds the site first.

Each page of the site is printed by the browser, with its own print style, in the order of the book; what is folded is
printed open. Links from page to page lead within the PDF.
"""

import argparse
import base64
import io
import os
import sys
import tempfile
from pathlib import Path

from chromium import serve, start, visit
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, NumberObject

ROOT = Path(__file__).resolve().parent.parent
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
    """One page as a PDF, its title, and the address of the page that follows it in the book."""
    visit(browser, url)
    # The browser takes dark pages to paper as they are; paper is white.
    browser.execute_script("document.documentElement.dataset.theme = 'light'")
    title = browser.execute_script("return document.querySelector('article h1').firstChild.textContent.trim()")
    following = browser.execute_script("return document.querySelector('link[rel=next]')?.href")
    pdf = browser.execute_cdp_cmd("Page.printToPDF", SHEET)["data"]
    return base64.b64decode(pdf), title, following


def bind(pages: dict[str, tuple[bytes, str]]) -> bytes:
    """Put the PDFs, by address, one behind the other, with a bookmark each."""
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html", help="the built site")
    parser.add_argument("--first", default="index.html", help="the page to begin with")
    parser.add_argument("--pages", type=int, help="print so many and stop")
    parser.add_argument("output", type=Path, nargs="?", default=ROOT / "_build" / "book.pdf")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile, serve(options.html) as address:
        browser = start(profile)
        if browser is None:
            print("Printing needs Chromium, Chrome or Edge, and its driver (`make browser`).", file=sys.stderr)
            return 1
        try:
            pages, url = {}, address + options.first
            while url and len(pages) != options.pages:
                pdf, title, following = print_page(browser, url)
                pages[url], url = (pdf, title), following
        finally:
            browser.quit()
    temporary = options.output.with_suffix(".tmp")
    temporary.write_bytes(bind(pages))
    os.replace(temporary, options.output)
    print(f"{options.output}: {len(pages)} pages of the site")
    return 0


if __name__ == "__main__":
    sys.exit(main())
