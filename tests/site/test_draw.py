"""The drawing page: its numbers compared with labcode's, its pen, keyboard, announcements and loading."""

import json
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from chromium import TYPESET, visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from labcode.data import read_tenth
from labcode.network.weights import load
from labcode.pages.drawing import draw, place

PAGE = "mnist/draw.html"
PATIENCE = 60  # seconds, for busy machines

LOAD_NETWORK = """
const done = arguments[0], folder = new URL("draw-weights/", document.querySelector('script[src*="draw.js"]').src);
const add = name => new Promise(loaded => {
  const script = document.createElement("script");
  script.src = new URL(name, folder);
  script.onload = loaded;
  document.head.append(script);
});
(async () => {
  await add("model.js");
  for (const name of drawDigit.model.pieces) await add(name);
  window.network = drawDigit.makeNetwork(drawDigit.model, drawDigit.unpackWeights(drawDigit.model));
  done(true);
})();
"""
FORWARD = """
return arguments[0].map(image => {
  const result = network.forward(image);
  return [Array.from(result.logits), Array.from(result.logProbabilities)];
});
"""
STEPS = "return network.forward(arguments[0]).steps.map(s => [s.stage, s.name, s.side, Array.from(s.maps)]);"


@pytest.fixture(scope="module")
def final():
    return load()


@pytest.fixture
def page(browser, address):
    visit(browser, address + PAGE)
    return browser


def element(page, name):
    return page.find_element(By.CSS_SELECTOR, f".draw-{name}")


def corner(page):
    """Scroll to the paper; return the position of its upper left corner on the screen, and its scale."""
    return page.execute_script(
        """const paper = arguments[0];
        paper.scrollIntoView({block: "center", behavior: "instant"});
        const frame = paper.getBoundingClientRect();
        return [frame.left + paper.clientLeft, frame.top + paper.clientTop, paper.clientWidth / 280];""",
        element(page, "paper"),
    )


def stroke(page, points):
    """Draw with the mouse through the points, given in pixels of the paper."""
    left, top, scale = corner(page)
    kinds = ["mousePressed"] + ["mouseMoved"] * (len(points) - 1) + ["mouseReleased"]
    for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
        event = {"type": kind, "x": left + x * scale, "y": top + y * scale, "button": "left", "clickCount": 1}
        page.execute_cdp_cmd("Input.dispatchMouseEvent", event | {"buttons": int(kind != "mouseReleased")})


def status(page, beginning):
    """Wait for an announcement that begins with ``beginning``, and return it."""
    region = element(page, "status")
    WebDriverWait(page, PATIENCE).until(lambda _: region.text.startswith(beginning))
    return region.text


def seen(page):
    """The 28 x 28 bytes that the page shows as the network's input."""
    colors = page.execute_script(
        "const context = document.querySelector('.draw-seen').getContext('2d');"
        "return Array.from((window.trueImageData || context.getImageData).call(context, 0, 0, 28, 28).data)"
    )
    return 255 - np.array(colors, dtype=np.uint8).reshape(28, 28, 4)[..., 0]


def shares(page):
    return [row.text for row in page.find_elements(By.CSS_SELECTOR, ".draw-bars .draw-share")]


def expected_shares(final, image):
    with torch.no_grad():
        return final.net(final.prepare(image[None]))[0].exp().numpy()


def assert_shares(page, final, image):
    shown = np.array([float(share.rstrip("%")) / 100 for share in shares(page)])
    np.testing.assert_allclose(shown, expected_shares(final, image), atol=0.001)


def requests_since(browser):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def test_logits_of_100_test_digits_are_those_of_labcode(page, final):
    _, test = read_tenth()
    pixels, logits = test.pixels[:100], []
    final.net.output.register_forward_hook(lambda layer, inputs, output: logits.append(output))
    with torch.no_grad():
        log_probabilities = final.net(final.prepare(pixels))
    page.execute_async_script(LOAD_NETWORK)
    found = torch.tensor(page.execute_script(FORWARD, pixels.reshape(100, -1).tolist()))
    assert found.shape == (100, 2, 10)
    torch.testing.assert_close(found[:, 0], logits[0], rtol=0, atol=1e-3)
    torch.testing.assert_close(found[:, 1], log_probabilities, rtol=0, atol=1e-3)


def test_maps_after_each_step_are_those_of_labcode(page, final):
    image = read_tenth()[1].pixels[0]
    page.execute_async_script(LOAD_NETWORK)
    found, x = iter(page.execute_script(STEPS, image.ravel().tolist())), final.prepare(image[None])
    with torch.no_grad():
        for number, stage in enumerate(final.net.stages, 1):
            for name in ("convolution", "tanh", "pooling", "normalization"):
                x = (stage.activation if name == "tanh" else getattr(stage, name))(x)
                *said, maps = next(found)
                assert said == [number, name, x.shape[-1]]
                torch.testing.assert_close(torch.tensor(maps).view_as(x), x, rtol=0, atol=1e-3)
    assert next(found, None) is None


ROUND = [(140 + 70 * np.sin(a), 140 - 95 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 17)]


@pytest.mark.parametrize(
    ("digit", "points"),
    [(1, [(150, 50), (130, 220)]), (7, [(80, 60), (200, 60), (120, 230)]), (0, [tuple(map(round, p)) for p in ROUND])],
)
def test_a_stroke_means_the_same_in_the_browser_and_in_labcode(page, final, digit, points):
    stroke(page, points)
    said = status(page, "The network reads ")
    image = seen(page)
    expected = place(draw([points]))
    assert np.abs(image.astype(int) - expected).max() <= 1
    assert said.startswith(f"The network reads {digit}, ")
    assert expected_shares(final, image).argmax() == digit
    assert expected_shares(final, expected).argmax() == digit
    assert_shares(page, final, image)


# Draw as draw.js does, without its pointer and its paper.
PLACE = """
return arguments[0].map(strokes => {
  const lines = strokes.flatMap(stroke => stroke.map((point, i) => [point, stroke[i + 1] || point]));
  const ink = new Uint8Array(drawDigit.SIDE ** 2), radius = drawDigit.penRadius(lines);
  lines.forEach(line => drawDigit.addInk(ink, line, radius));
  return Array.from(drawDigit.place(ink));
});
"""


def test_naive_drawings_mean_the_same_in_the_browser_and_in_labcode(page, naive_drawings):
    """How the final model reads them: tests/pages/test_drawing.py."""
    drawings = list(naive_drawings.values())
    expected = np.array([place(draw(strokes)) for strokes in drawings])
    found = np.array(page.execute_script(PLACE, drawings)).reshape(expected.shape)
    assert len(found) == 250
    assert np.abs(found - expected.astype(int)).max() <= 1


def touch(page, kind, points):
    """Send a touch event of some fingers: their points on the paper, by finger. None means all that touch it."""
    left, top, scale = page.paper
    points = [{"x": left + x * scale, "y": top + y * scale, "id": finger} for finger, (x, y) in points.items()]
    page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def mouse(page, kind, point, button="left", buttons=1, pointer="mouse"):
    left, top, scale = page.paper
    x, y = left + point[0] * scale, top + point[1] * scale
    event = {"type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "pointerType": pointer}
    page.execute_cdp_cmd("Input.dispatchMouseEvent", event | {"clickCount": int(kind == "mousePressed")})


@pytest.fixture
def pad(page):
    """The page with its paper on the screen, for events one by one."""
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    page.paper = corner(page)
    return page


def assert_drawn(pad, strokes):
    """Wait until the network sees these strokes, and nothing else."""
    expected = place(draw(strokes)).astype(int)
    WebDriverWait(pad, PATIENCE).until(lambda _: np.abs(seen(pad) - expected).max() <= 1)


FIRST = [(60, 60), (200, 70), (120, 220)]


def test_a_second_finger_does_not_end_the_stroke(pad):
    touch(pad, "touchStart", {1: FIRST[0]})
    touch(pad, "touchMove", {1: FIRST[1]})
    touch(pad, "touchStart", {1: FIRST[1], 2: (250, 250)})
    touch(pad, "touchMove", {1: FIRST[1], 2: (20, 250)})
    touch(pad, "touchEnd", {2: (20, 250)})
    touch(pad, "touchMove", {1: FIRST[2]})
    assert_drawn(pad, [FIRST])
    touch(pad, "touchEnd", {})
    touch(pad, "touchStart", {3: (230, 200)})
    assert_drawn(pad, [FIRST, [(230, 200)]])
    touch(pad, "touchEnd", {})


def test_a_cancelled_stroke_ends(pad):
    touch(pad, "touchStart", {1: FIRST[0]})
    touch(pad, "touchMove", {1: FIRST[1]})
    touch(pad, "touchCancel", {})
    touch(pad, "touchStart", {2: (20, 200)})
    touch(pad, "touchEnd", {})
    assert_drawn(pad, [FIRST[:2], [(20, 200)]])


def test_a_stylus_draws_beside_the_hand_that_holds_it(pad):
    touch(pad, "touchStart", {1: (250, 250)})
    for kind, point in zip(("mousePressed", "mouseMoved", "mouseMoved"), FIRST, strict=True):
        mouse(pad, kind, point, pointer="pen")
        touch(pad, "touchMove", {1: (point[0], 250)})
    touch(pad, "touchEnd", {})
    mouse(pad, "mouseMoved", (40, 220), pointer="pen")
    mouse(pad, "mouseReleased", (40, 220), buttons=0, pointer="pen")
    assert_drawn(pad, [[(250, 250)], [*FIRST, (40, 220)]])


@pytest.mark.parametrize("end", ["another button", "the capture", "the window"])
def test_a_stroke_ends_although_its_button_is_still_reported(pad, end):
    mouse(pad, "mousePressed", FIRST[0])
    mouse(pad, "mouseMoved", FIRST[1])
    if end == "another button":  # is pressed before the first one is released
        mouse(pad, "mousePressed", FIRST[1], button="right", buttons=3)
        mouse(pad, "mouseReleased", FIRST[1], button="left", buttons=2)
        mouse(pad, "mouseMoved", (20, 200), button="right", buttons=2)
    else:
        loss = "arguments[0].releasePointerCapture(1)" if end == "the capture" else "arguments[0].blur()"
        pad.execute_script(loss, element(pad, "paper"))
        mouse(pad, "mouseMoved", (20, 200))
    mouse(pad, "mouseReleased", (20, 200), buttons=0)
    assert_drawn(pad, [FIRST[:2]])
    mouse(pad, "mousePressed", FIRST[2])
    assert_drawn(pad, [FIRST[:2], [FIRST[2]]])
    mouse(pad, "mouseReleased", FIRST[2], buttons=0)


def test_a_small_drawing_in_a_corner_is_moved_and_enlarged(page):
    points = [(30, 30), (70, 34), (44, 90)]
    stroke(page, points)
    status(page, "The network reads ")
    image = seen(page)
    rows, columns = image.nonzero()
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert np.abs(image.astype(int) - place(draw([points]))).max() <= 1


def test_every_step_shows_its_maps(page, final):
    stroke(page, [(80, 60), (200, 60), (120, 230)])
    status(page, "The network reads ")
    sizes = page.execute_script(
        "return [...document.querySelectorAll('.draw-maps canvas')].map(c => [c.width, c.height])"
    )
    sides = [side for shape in final.net.config.shapes for side in [shape.convolved] * 2 + [shape.pooled] * 2]
    assert sizes == [[16 * (side + 1) - 1, 8 * (side + 1) - 1] for side in sides]
    captions = [caption.text for caption in page.find_elements(By.CSS_SELECTOR, ".draw-maps figcaption")]
    assert [caption.split(": ")[1] for caption in captions] == [f"{side} by {side}" for side in sides]
    orange = page.execute_script(
        """return [...document.querySelectorAll('.draw-maps canvas')].map(c =>
        c.getContext('2d').getImageData(0, 0, c.width, c.height).data).map(d => {
          let orange = 0, blue = 0;
          for (let i = 0; i < d.length; i += 4) { orange += d[i] > d[i + 2]; blue += d[i] < d[i + 2]; }
          return [orange > 0, blue > 0];
        });"""
    )
    for caption, found in zip(captions, orange, strict=True):
        assert found == ["pooling" not in caption, True], caption


def test_the_keyboard_draws(page, final):
    paper = element(page, "paper")
    element(page, "clear").send_keys(Keys.SHIFT + Keys.TAB)
    assert page.switch_to.active_element == paper
    paper.send_keys(Keys.ARROW_UP)  # shows the pen, in the middle
    assert status(page, "Pen up, column 15, row 15.")
    paper.send_keys(Keys.ARROW_UP * 8)
    paper.send_keys(Keys.SPACE)
    paper.send_keys(Keys.ARROW_DOWN * 15)
    paper.send_keys(Keys.SPACE)
    said = status(page, "Pen up, column 15, row 22. The network reads ")
    assert "The network reads 1, " in said
    image = seen(page)
    np.testing.assert_array_equal(image, place(draw([[(145, 65), (145, 215)]])))
    paper.send_keys(Keys.ARROW_RIGHT * 3)  # with the pen up: no ink
    status(page, "Pen up, column 18, row 22. ")
    np.testing.assert_array_equal(seen(page), image)
    assert_shares(page, final, image)


# Do not wait until the pen has rested: that is the subject of another test.
ANNOUNCE_AT_ONCE = """
const real = window.setTimeout;
window.setTimeout = (act, delay, ...more) => real(act, String(act).includes("whatTheNetworkSays") ? 0 : delay, ...more);
"""


# Browsers that protect privacy change what a page reads back from a canvas.
NOISE = """
window.trueImageData = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...box) {
  const picture = trueImageData.apply(this, box);
  for (let n = 0; n < 255; n++) picture.data[4 * Math.floor(Math.random() * picture.data.length / 4)] ^= 1;
  return picture;
};
"""


def test_the_gallery_copies_its_digits_to_the_paper(page, final):
    page.execute_script(NOISE)
    buttons = page.find_elements(By.CSS_SELECTOR, ".digit-gallery button")
    assert len(buttons) >= 20
    page.execute_script(ANNOUNCE_AT_ONCE)
    _, test = read_tenth()
    for button in buttons:
        picture = button.find_element(By.TAG_NAME, "img")
        number = int(picture.get_attribute("alt").removeprefix("Test image "))
        page.execute_script("document.querySelector('.draw-status').textContent = ''")
        page.execute_script("arguments[0].click()", button)
        status(page, "The network reads ")
        np.testing.assert_array_equal(seen(page), test.pixels[number])
        assert_shares(page, final, test.pixels[number])
        beforehand = button.find_elements(By.TAG_NAME, "span")[0].get_attribute("textContent")
        digit, share = beforehand.split(" at ")
        assert abs(float(shares(page)[int(digit)].rstrip("%")) - float(share.rstrip("%"))) < 0.15, number


def test_clear_empties_the_paper(page):
    stroke(page, [(150, 50), (130, 220)])
    status(page, "The network reads ")
    element(page, "clear").click()
    status(page, "Nothing is drawn.")
    assert not seen(page).any()
    assert set(shares(page)) == {"–"}


# Stop the clock of the page's announcements: the test decides when the pen has rested.
HOLD_TIME = """
window.waiting = new Map();
const real = window.setTimeout, forget = window.clearTimeout;
let number = 1e9;
window.setTimeout = (act, delay, ...more) => {
  if (!String(act).includes("whatTheNetworkSays")) return real(act, delay, ...more);
  waiting.set(++number, {act, delay});
  return number;
};
window.clearTimeout = timer => waiting.delete(timer) || forget(timer);
"""


def test_results_are_announced_when_the_pen_rests(page):
    region = element(page, "status")
    assert (region.get_attribute("role"), region.text) == ("status", "")
    stroke(page, [(100, 50), (100, 220)])
    announced, before = status(page, "The network reads "), shares(page)
    page.execute_script(HOLD_TIME)
    stroke(page, [(200, 50), (180, 90), (190, 150), (200, 220)])
    WebDriverWait(page, PATIENCE).until(lambda _: shares(page) != before)
    assert region.text == announced  # no new announcement yet
    delays = page.execute_script("return [...waiting.values()].map(timer => timer.delay)")
    assert len(delays) == 1
    assert 400 <= delays[0] <= 1000  # milliseconds
    WebDriverWait(page, PATIENCE).until(
        lambda _: page.execute_script("waiting.forEach(timer => timer.act())") or region.text != announced
    )
    assert region.text.startswith("The network reads ")


def test_weights_are_loaded_at_the_first_use_and_from_the_site_alone(browser, address):
    complaints, requests = visit(browser, address + PAGE)
    assert not complaints
    assert any("draw.js" in url for url in requests)
    assert not [url for url in requests if "draw-weights" in url]
    stroke(browser, [(150, 50), (130, 220)])
    status(browser, "The network reads ")
    requests = requests_since(browser)
    weights = [url for url in requests if "draw-weights" in url]
    assert len(weights) == 9
    assert not [url for url in requests if not url.startswith((address, "data:", "blob:"))]
    stroke(browser, [(100, 50), (130, 220)])
    assert not [url for url in requests_since(browser) if "draw-weights" in url]
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_progress_is_shown_while_the_weights_load(page):
    page.execute_script(
        """window.progress = [];
        const box = document.querySelector('.draw-progress');
        new MutationObserver(() => progress.push([box.hidden, box.querySelector('progress').value,
          box.querySelector('span').textContent])).observe(box, {attributes: true, childList: true, subtree: true});"""
    )
    stroke(page, [(150, 50), (130, 220)])
    status(page, "The network reads ")
    reports = page.execute_script("return progress")
    visible = [value for hidden, value, _ in reports if not hidden]
    assert visible == sorted(visible)
    assert {1, 4, 7} <= set(visible)
    assert [False, 3, "3 of 8"] in reports
    assert reports[-1][:2] == [True, 8]


def test_missing_weights_are_reported(page):
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*draw-weights/*-5.js"]})
    stroke(page, [(150, 50), (130, 220)])
    sentence = element(page, "unable")
    WebDriverWait(page, PATIENCE).until(lambda _: sentence.is_displayed())
    assert sentence.text.startswith("The network's weights could not be loaded (")
    assert not element(page, "progress").is_displayed()


def test_the_page_works_from_a_file(browser, site):
    address = (site / PAGE).as_uri()
    assert urlsplit(address).scheme == "file"
    browser.get(address)
    browser.execute_async_script(TYPESET)
    stroke(browser, [(80, 60), (200, 60), (120, 230)])
    assert status(browser, "The network reads ").startswith("The network reads 7, ")
    button = browser.find_element(By.CSS_SELECTOR, ".digit-gallery button")
    browser.execute_script("arguments[0].click()", button)
    assert status(browser, "The network reads 0, ")


def test_without_scripts_a_sentence_and_the_answers_are_shown(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address + PAGE)
    assert element(browser, "unable").is_displayed()
    assert not element(browser, "work").is_displayed()
    answers = browser.find_elements(By.CSS_SELECTOR, ".digit-gallery li span")
    assert len(answers) >= 20
    assert all(answer.is_displayed() for answer in answers)


def test_a_browser_without_workers_shows_the_sentence(browser, address):
    hide = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.Worker"})
    try:
        browser.get(address + PAGE)
        assert element(browser, "unable").is_displayed()
        assert not element(browser, "work").is_displayed()
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", hide)
    browser.get(address + PAGE)
    assert not element(browser, "unable").is_displayed()
    assert element(browser, "work").is_displayed()


def test_a_finger_draws_on_a_phone_and_does_not_scroll_the_page(browser, address):
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    visit(browser, address + PAGE)
    left, top, scale = corner(browser)
    before = browser.execute_script("return [scrollY, document.documentElement.scrollWidth]")
    assert before[1] <= phone["width"]
    path = [(80, 60), (140, 60), (200, 60), (160, 145), (120, 230)]
    for number, (x, y) in enumerate(path):
        point = {"x": left + x * scale, "y": top + y * scale}
        kind = "touchMove" if number else "touchStart"
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert status(browser, "The network reads ").startswith("The network reads 7, ")
    assert browser.execute_script("return scrollY") == before[0]


def test_focus_is_visible_and_motion_stops_on_request(page):
    for name in ("paper", "clear"):
        target = element(page, name)
        page.execute_script("arguments[0].focus()", element(page, "clear" if name == "paper" else "paper"))
        key = Keys.SHIFT + Keys.TAB if name == "paper" else Keys.TAB
        page.switch_to.active_element.send_keys(key)
        assert page.switch_to.active_element == target
        assert target.value_of_css_property("outline-style") == "solid"
        assert float(target.value_of_css_property("outline-width").removesuffix("px")) >= 2
    bar = element(page, "bar")
    assert bar.value_of_css_property("transition-duration") != "0s"
    reduced = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", reduced)
    assert bar.value_of_css_property("transition-duration") == "0s"
