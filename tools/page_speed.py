"""Measure how long an epoch takes on the page "Train it yourself", in the browser: its kernels beside plain JavaScript.

    python tools/page_speed.py > book/measurements/page.json

It needs the built site (`make book`) and a browser. An epoch is the lab's: 4 200 steps of one image, then the errors of
3 600 images.
"""

import json

import chromium

from labcode.machine import processor_name, vectors

EPOCH = """
const [width, fast, done] = arguments;
trainDigits.page.load().then((data) => {
  const worker = trainDigits.startWorker();
  const settings = { ...data.records[0].settings, width };
  const kernels = fast ? data.kernels : null;
  let began;
  worker.onmessage = ({ data: { begun, measured } }) => {
    if (begun) {
      began = performance.now();
      worker.postMessage({ go: true });
    } else if (measured) {
      worker.terminate();
      done((performance.now() - began) / 1000);
    }
  };
  worker.postMessage({ begin: { settings, seeds: data.seeds[0], digits: data.digits, kernels, epochs: 1 } });
});
"""


def main() -> None:
    seconds = {}
    with chromium.browsing() as (browser, address):
        browser.set_script_timeout(600)
        chromium.visit(browser, address + "mnist/train.html")
        for width in (8, 16):
            for name, fast in (("WebAssembly", True), ("JavaScript", False)):
                seconds[f"width {width}, {name}"] = round(browser.execute_async_script(EPOCH, width, fast), 1)
        version = browser.capabilities["browserVersion"]
    found = {"processor": processor_name(), "vectors": vectors(), "browser": f"Chromium {version}", "seconds": seconds}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
