"""The page on which readers train: its numbers compared with labcode's, its buttons, refusals and announcements."""

import json

import pytest
import torch
import torch.nn.functional as F
from chromium import visit
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from labcode.data import load
from labcode.network import ConvNet
from labcode.pages.trainer import CHOICES, page_settings, refused
from labcode.seeds import stream
from labcode.study import Experiment
from labcode.training.loop import minibatches

PAGE = "mnist/train.html"
PATIENCE = 120  # seconds, for busy machines

MAKE_RUN = """
const [settings, seed, fast, done] = arguments;
trainDigits.page.load().then((data) => {
  let kernels = trainDigits.plainKernels, allocate = (count) => new Float32Array(count);
  if (fast) {
    const memory = new WebAssembly.Memory({ initial: 256 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(data.kernels), { env: { memory } });
    let next = 1024;
    kernels = trainDigits.fastKernels(exports);
    allocate = (count) => {
      const array = new Float32Array(memory.buffer, next, count);
      next += 16 * Math.ceil(count / 4) + 64;
      return array;
    };
  }
  window.run = new (trainDigits.makeEngine(kernels, allocate).Run)(settings, data.seeds[seed], data.digits);
  done(true);
}, (error) => done(String(error)));
"""
GRADIENT = """
run.gradientOf(arguments[0]);
return [run.latest.outputs, ...run.gradients.flatMap(({ weight, bias }) => [Array.from(weight), Array.from(bias)])];
"""
SETTINGS = {
    "tanh": {},
    "relu": {"activation": "relu", "filter": 7, "pool": 3, "pool_stride": 2},
    "sigmoid": {"activation": "sigmoid", "filter": 3, "pool": 4, "pool_stride": 4, "dropout": (0.5, 0.2, 0.5)},
}


@pytest.fixture
def page(browser, address):
    visit(browser, address + PAGE)
    return browser


@pytest.fixture
def opened_from_disk(browser, site):
    visit(browser, (site / PAGE).as_uri())
    return browser


def click(page, name):
    button = page.find_element(By.CSS_SELECTOR, f".train-{name}")
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    button.click()


def choose(page, name, label):
    Select(page.find_element(By.CSS_SELECTOR, f'.train-form [name="{name}"]')).select_by_visible_text(label)


def text(page, name):
    return page.find_element(By.CSS_SELECTOR, f".train-{name}").text


def wait_for(page, name, words):
    WebDriverWait(page, PATIENCE).until(lambda _: words in text(page, name), f"{words!r} not in {text(page, name)!r}")
    return text(page, name)


def download(page, kind):
    """Press a download button of the first run; return what the file would hold."""
    return page.execute_async_script(
        """const [kind, done] = arguments, make = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
          URL.createObjectURL = make;
          blob.text().then(done);
          return make.call(URL, blob);
        };
        [...document.querySelectorAll(".train-actions button")].find((each) => each.textContent === kind).click();""",
        kind,
    )


@pytest.mark.parametrize("fast", [False, True], ids=["plain", "WebAssembly"])
@pytest.mark.parametrize("name", SETTINGS)
def test_outputs_and_gradients_are_those_of_labcode(page, name, fast):
    """Three images of the seed's order, with its initial weights and dropout masks, against autograd in float64."""
    experiment, seed, count = Experiment(5).vary(width=8, batch_size=3, **SETTINGS[name]), 5, 3
    assert page.execute_async_script(MAKE_RUN, page_settings(experiment), seed, fast) is True
    outputs, *gradients = page.execute_script(GRADIENT, count)
    images, net = load("tenth", seed, torch.float64), ConvNet(experiment.network, stream(seed, "initial weights"))
    orders, masks = stream(seed, "order of images"), stream(seed, "dropout")
    batch, drawn = next(minibatches(net, images.train, count, orders, masks))
    drawn = drawn and [mask if mask is None else mask.double() for mask in drawn]
    expected = net.double()(batch.pixels, drawn)
    F.nll_loss(expected, batch.labels).backward()
    torch.testing.assert_close(torch.tensor(outputs, dtype=torch.float64), expected[-1].detach(), rtol=0, atol=1e-5)
    for found, parameter in zip(gradients, net.parameters(), strict=True):
        found = torch.tensor(found, dtype=torch.float64).view_as(parameter)
        torch.testing.assert_close(found, parameter.grad, rtol=0, atol=1e-5)


def test_an_epoch_has_the_errors_of_the_record(opened_from_disk):
    page = opened_from_disk
    choose(page, "width", "8")
    click(page, "start")
    said = wait_for(page, "status", "images wrong in the record")  # after the first epoch or one of the next
    record, _, here = said.rpartition("; ")[2].partition(" images wrong in the record, ")
    assert abs(int(record) - int(here.split()[0])) <= 3
    click(page, "pause")
    assert text(page, "pause") == "Continue"
    click(page, "one")
    assert "took a step" in wait_for(page, "status", "took a step")
    assert len(page.find_elements(By.CSS_SELECTOR, ".train-step canvas")) == 3
    click(page, "check")
    assert "They agree" in wait_for(page, "status", "central differences")
    row = page.find_element(By.CSS_SELECTOR, ".train-runs tbody tr").text
    assert "width 8" in row
    assert "paused" in row
    assert "recorded runs" in text(page, "caption")
    assert page.find_elements(By.CSS_SELECTOR, ".train-band")
    errors = page.execute_script("return trainDigits.page.runs[0].curves")
    record = json.loads(download(page, "JSON"))
    assert record["experiment"]["width"] == 8
    assert {name: each["errors"] for name, each in record["measured"].items()} == errors
    header, first, *_ = download(page, "CSV").splitlines()
    assert header == "epoch,validation,train,online"
    assert first == f"1,{errors['validation'][0]},{errors['train'][0]},{errors['online'][0]}"


def test_a_wrong_backward_pass_is_found(page):
    choose(page, "broken", "without the derivative of the activation")
    click(page, "check")
    assert "the backward pass is wrong" in wait_for(page, "status", "central differences")
    assert "no band" in text(page, "caption")


def test_a_rate_that_is_too_large_says_so_and_stops(page):
    choose(page, "width", "8")
    choose(page, "activation", "relu")
    choose(page, "learning rate", "3.0")
    click(page, "start")
    assert "learning rate is too large" in wait_for(page, "status", "diverged")
    assert page.execute_script("return trainDigits.page.runs[0].state") == "diverged"


def test_what_cannot_be_built_is_refused_in_the_words_of_labcode(page):
    click(page, "one")  # loads the tables
    wait_for(page, "status", "took a step")
    for size in CHOICES["filter size"]:
        for pooling in CHOICES["pooling"]:
            choose(page, "filter size", size)
            choose(page, "pooling", pooling)
            assert text(page, "refused") == refused().get(f"{size}, {pooling}", "")
    seed = page.find_element(By.CSS_SELECTOR, '.train-form [name="seed"]')
    seed.clear()
    seed.send_keys("100")
    click(page, "start")
    assert text(page, "refused") == "seed is 100; it must be a whole number from 0 to 99."
    assert len(page.execute_script("return trainDigits.page.runs.map(run => run.name)")) == 1


def test_a_drawing_is_read_by_the_latest_run_and_by_the_final_model(page):
    click(page, "one")
    wait_for(page, "status", "took a step")
    paper = page.find_element(By.CSS_SELECTOR, ".draw-paper")
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", paper)
    ActionChains(page).move_to_element_with_offset(paper, 0, -90).click_and_hold().move_by_offset(
        0, 180
    ).release().perform()
    assert "Run 1 reads" in wait_for(page, "reading", "Run 1 reads")
    status = page.find_element(By.CSS_SELECTOR, ".draw-status")
    WebDriverWait(page, PATIENCE).until(lambda _: status.text.startswith("The network reads 1"))


def test_four_runs_are_compared_and_a_fifth_is_refused(page):
    for number in range(1, 5):
        click(page, "start")
        WebDriverWait(page, PATIENCE).until(lambda _, n=number: len(rows(page)) == n)
    click(page, "start")
    assert text(page, "refused") == "4 runs are here already; remove one of them to begin another."
    page.execute_script("""document.querySelector('[aria-label="Remove: Run 2"]').click()""")
    WebDriverWait(page, PATIENCE).until(lambda _: len(rows(page)) == 3)
    lines = page.execute_script("return trainDigits.page.runs.map(run => [run.name, run.color])")
    assert lines == [["Run 1", 1], ["Run 3", 3], ["Run 4", 4]]


def rows(page):
    return page.find_elements(By.CSS_SELECTOR, ".train-runs tbody tr")


def test_hiding_the_page_pauses(page):
    click(page, "start")
    wait_for(page, "status", "began")
    page.execute_script(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'));"
    )
    assert text(page, "status") == "Paused, because the page was hidden."
    assert page.execute_script("return trainDigits.page.runs[0].state") == "paused"


def test_nothing_is_loaded_before_a_click(browser, address):
    _, requests = visit(browser, address + PAGE)
    assert not [each for each in requests if "train-data" in each]
    assert json.dumps(requests).count("train-network.js") == 1
