"""The printed book has the figures and the folded solutions, and its links lead within it."""

import io

from print_edition import bind, print_page
from pypdf import PdfReader

PAGE = "backprop/logistic.html"


def squeeze(text):
    return "".join(text.split())


def test_solutions_are_printed_and_links_stay_in_the_book(browser, address, soups):
    inside = [p for p in soups[PAGE].select("details p, .dropdown p") if not p.find_parent("summary")]
    folded = [paragraph.get_text() for paragraph in inside if not paragraph.select(".math, code, a")]
    assert folded
    pdf, title, following = print_page(browser, address + PAGE)
    assert following.startswith(address)
    book = PdfReader(io.BytesIO(bind({address + PAGE: (pdf, title), following: (pdf, "Next")})))
    printed = squeeze("".join(page.extract_text() for page in book.pages[: len(book.pages) // 2]))
    assert [text for text in folded if squeeze(text) not in printed] == []
    assert squeeze("derive(") in printed  # code that is folded on the screen
    assert sum(len(page.images) for page in book.pages) >= len(soups[PAGE].select("article figure img"))
    assert [item.title for item in book.outline] == [title, "Next"]
    links = [note.get_object() for page in book.pages for note in page.get("/Annots") or []]
    away = [str(link["/A"]["/URI"]) for link in links if "/URI" in link.get("/A", {})]
    assert not [url for url in away if url.split("#")[0] in (address + PAGE, following)]
    assert any("/Dest" in link for link in links)
