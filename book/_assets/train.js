"use strict";

/* The page "Train it yourself": the form, the runs, their curves. train-network.js computes what it shows. */
trainDigits.page = (function () {
  const EPOCHS = 20, MOST = 4, REST = 4000; // runs side by side; milliseconds between two announcements
  const CURVES = {
    validation: "validation error", train: "training error, dropout off", online: "training error, counted while training",
  };
  const CHART = { left: 60, right: 14, top: 20, bottom: 52, width: 640, height: 300, lowest: 0.5, highest: 100 };
  const folder = new URL("train-data/", document.currentScript.src);

  const desk = document.querySelector(".train-desk");
  const part = (name) => desk.querySelector(`.train-${name}`);
  const form = part("form"), status = part("status"), pad = document.querySelector(".draw-digit");
  const runs = [];
  let data = null; // digits, kernels and tables, once they are loaded
  let number = 0;

  // What the page loads at the first click

  trainDigits.received = {};
  trainDigits.receive = (name, content) => { trainDigits.received[name] = content; };

  function loadScript(name) {
    return new Promise((loaded, failed) => {
      const script = document.createElement("script");
      script.src = new URL(name, folder);
      script.onload = loaded;
      script.onerror = () => failed(new Error(`The digits could not be loaded (${name}).`));
      document.head.append(script);
    });
  }

  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  async function unzip(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function load() {
    if (!data) {
      say("Loading 6 000 digits, about 1.3 MB.");
      await Promise.all(["table.js", "digits.js", "kernels.js"].map(loadScript));
      const { table, digits, kernels } = trainDigits.received;
      data = {
        ...table,
        digits: { pixels: await unzip(bytesOf(digits.pixels)), labels: bytesOf(digits.labels) },
        kernels: kernels && typeof WebAssembly === "object" ? bytesOf(kernels) : null,
      };
    }
    return data;
  }

  // The form

  const chosen = (name) => form.elements[name].value;

  function settings() {
    const parts = Object.entries(data.choices).map(([name, choices]) => choices[chosen(name)]);
    const broken = chosen("broken");
    return Object.assign({ hidden: 128 }, ...parts, broken ? { broken } : {});
  }

  /* Why the form's settings make no network or no run, in a sentence; nothing if they do. */
  function refusal() {
    const seed = form.elements.seed;
    if (!seed.checkValidity() || seed.value === "") {
      return `seed is ${seed.value || "empty"}; it must be a whole number from ${seed.min} to ${seed.max}.`;
    }
    return data.refused[`${chosen("filter size")}, ${chosen("pooling")}`] || "";
  }

  function differences(settings) {
    const first = { ...data.records[0].settings };
    return Object.keys(settings).filter((name) => String(settings[name]) !== String(first[name]) && name !== "hidden")
      .map((name) => `${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${settings[name]}`).join(", ");
  }

  // Runs

  async function add() {
    try {
      await load();
    } catch (error) {
      say(error.message);
      return null;
    }
    const reason = refusal();
    part("refused").textContent = reason;
    if (reason) {
      return null;
    }
    if (runs.length === MOST) {
      part("refused").textContent = `${MOST} runs are here already; remove one of them to begin another.`;
      return null;
    }
    const colors = runs.map((run) => run.color);
    const run = {
      name: `Run ${++number}`, color: [1, 2, 3, 4].find((color) => !colors.includes(color)), settings: settings(),
      seed: Number(chosen("seed")), curves: { online: [], train: [], validation: [] }, state: "paused",
      progress: { epoch: 0, done: 0, of: 1 }, worker: trainDigits.startWorker(),
    };
    run.words = differences(run.settings) || "the baseline at width 16";
    run.worker.onmessage = (event) => heard(run, event.data);
    run.worker.onerror = (event) => heard(run, { failed: event.message });
    run.worker.postMessage({
      begin: { settings: run.settings, seeds: data.seeds[run.seed], digits: data.digits, kernels: data.kernels, epochs: EPOCHS },
    });
    runs.push(run);
    return run;
  }

  function go(run, training) {
    if (["paused", "training"].includes(run.state)) {
      run.state = training ? "training" : "paused";
      run.worker.postMessage({ go: training });
    }
  }

  function remove(run) {
    run.worker.terminate();
    runs.splice(runs.indexOf(run), 1);
    show();
  }

  const latest = () => runs[runs.length - 1];
  const alive = (run) => run && ["paused", "training"].includes(run.state);

  function heard(run, message) {
    if (message.failed) {
      run.state = "failed";
      say(`${run.name} failed: ${message.failed}`);
    } else if (message.begun) {
      run.images = message.begun;
    } else if (message.progress) {
      run.progress = message.progress;
    } else if (message.measured) {
      run.curves = message.measured;
      if (run.curves.validation.length === EPOCHS) {
        run.state = "done";
        say(`${sentence(run)} This was its last epoch.`);
      } else {
        sayNowAndThen(sentence(run));
      }
    } else if (message.diverged) {
      run.state = "diverged";
      run.progress = message.diverged;
      say(`${run.name} diverged in epoch ${run.progress.epoch + 1}, after ${run.progress.done} of ${run.progress.of} `
        + "images: its loss is not a number any more. Its learning rate is too large for its settings.");
    } else if (message.stepped) {
      run.progress = message.stepped;
      showStep(run, message.stepped);
    } else if (message.checked) {
      showCheck(run, message.checked);
    } else if (message.read) {
      showReading(run, message.read);
    }
    show();
  }

  function sentence(run) {
    const errors = run.curves.validation;
    const compared = compare(run);
    return `${run.name} has a validation error of ${percent(errors[errors.length - 1], run.images.validation)} after `
      + `epoch ${errors.length}${compared ? `; ${compared}` : ""}.`;
  }

  const percent = (count, of) => `${(100 * count / of).toFixed(2)}%`;

  // The book's recorded runs of the same settings

  const same = (a, b) => Object.keys(a).every((name) => String(a[name]) === String(b[name])) && !a.broken;
  const recorded = (run) => data.records.filter((record) => same(run.settings, record.settings));

  function compare(run) {
    const record = recorded(run).find(({ seed }) => seed === run.seed), epoch = run.curves.validation.length;
    if (!record || !epoch) {
      return "";
    }
    return `${record.curves.validation[epoch - 1]} images wrong in the record, ${run.curves.validation[epoch - 1]} here`;
  }

  // What is said

  let announced = 0;

  function say(words) {
    announced = Date.now();
    status.textContent = words;
  }

  function sayNowAndThen(words) {
    if (Date.now() - announced > REST) {
      say(words);
    }
  }

  // What is shown

  let painting = false;

  function show() {
    if (!painting) {
      painting = true;
      requestAnimationFrame(() => {
        painting = false;
        showRuns();
        showCurves();
        const going = runs.some((run) => run.state === "training");
        part("pause").disabled = !runs.some(alive);
        part("pause").textContent = going || !runs.some(alive) ? "Pause" : "Continue";
      });
    }
  }

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  }

  function showRuns() {
    const rows = part("runs").tBodies[0];
    const old = new Map([...rows.rows].map((row) => [row.dataset.run, row]));
    runs.forEach((run) => {
      const row = old.get(run.name) || rows.appendChild(makeRow(run));
      old.delete(run.name);
      const { epoch, done, of } = run.progress, cells = row.cells, at = run.curves.validation.length - 1;
      setText(cells[1], `${epoch} of ${EPOCHS}${run.state === "training" || done ? `, ${Math.round(100 * done / of)}%` : ""}`
        + (run.state === "training" ? "" : ` (${run.state})`));
      ["online", "train", "validation"].forEach((name, i) => {
        const of = name === "online" ? run.images?.training : run.images?.validation;
        setText(cells[2 + i], at < 0 ? "–" : percent(run.curves[name][at], of));
      });
      setText(cells[5], compare(run) || (recorded(run).length ? "–" : "no record has these settings"));
    });
    old.forEach((row) => row.remove());
  }

  const setText = (cell, text) => { if (cell.textContent !== text) { cell.textContent = text; } };

  function makeRow(run) {
    const row = element("tr", { "data-run": run.name });
    const line = `<svg class="train-key" viewBox="0 0 30 6" aria-hidden="true"><path class="train-line-${run.color}" d="M0 3h30"/></svg>`;
    const head = element("th", { scope: "row" });
    head.innerHTML = line;
    head.append(` ${run.name}: ${run.words}; seed ${run.seed}`);
    row.append(head, ...[1, 2, 3, 4, 5].map(() => element("td")));
    const buttons = element("td", { class: "train-actions" });
    for (const [words, act] of [["CSV", () => download(run, "csv")], ["JSON", () => download(run, "json")], ["Remove", () => remove(run)]]) {
      const button = element("button", { type: "button", "aria-label": `${words}: ${run.name}` }, words);
      button.addEventListener("click", act);
      buttons.append(button);
    }
    row.append(buttons);
    return row;
  }

  const across = (epoch) => CHART.left + (epoch - 1) / (EPOCHS - 1) * (CHART.width - CHART.left - CHART.right);

  function up(error) {
    const share = Math.log(Math.max(error, CHART.lowest) / CHART.lowest) / Math.log(CHART.highest / CHART.lowest);
    return CHART.height - CHART.bottom - share * (CHART.height - CHART.bottom - CHART.top);
  }

  const points = (errors, of) => errors.map((count, i) => `${across(i + 1).toFixed(1)} ${up(100 * count / of).toFixed(1)}`);

  function showCurves() {
    const name = part("curve").value, svg = part("curves"), run = latest();
    const marks = [];
    for (const error of [1, 2, 5, 10, 20, 50, 100]) {
      marks.push(`<path class="train-grid" d="M${CHART.left} ${up(error)}H${CHART.width - CHART.right}"/>`,
        `<text x="${CHART.left - 6}" y="${up(error) + 4}" text-anchor="end">${error}%</text>`);
    }
    for (const epoch of [1, 5, 10, 15, 20]) {
      marks.push(`<text x="${across(epoch)}" y="${CHART.height - 31}" text-anchor="middle">${epoch}</text>`);
    }
    marks.push(`<text x="${(CHART.left + CHART.width) / 2}" y="${CHART.height - 6}" text-anchor="middle">epoch</text>`);
    const band = run && recorded(run);
    const of = (run) => (name === "online" ? run.images?.training : run.images?.validation) || 1;
    if (band?.length) {
      const epochs = band[0].curves[name].map((_, i) => band.map(({ curves }) => curves[name][i] ?? curves[name].at(-1)));
      const top = points(epochs.map((each) => Math.max(...each)), of(run));
      const bottom = points(epochs.map((each) => Math.min(...each)), of(run)).reverse();
      marks.push(`<path class="train-band" d="M${[...top, ...bottom].join("L")}Z"/>`);
    }
    runs.forEach((each) => {
      const line = points(each.curves[name], of(each));
      if (line.length) {
        marks.push(`<path class="train-line-${each.color}" d="M${line.join("L")}${line.length === 1 ? "h1" : ""}"/>`);
      }
    });
    svg.innerHTML = marks.join("");
    svg.setAttribute("aria-label", runs.length ? `${CURVES[name]} of ${runs.map(({ name }) => name).join(", ")}` : "No run yet");
    part("caption").textContent = !run ? "Your runs will be drawn here." : band.length
      ? `Lines: your runs. Band: the ${band.length} recorded runs with the settings of ${run.name.toLowerCase()}, from the lowest to the highest.`
      : `Lines: your runs. No recorded run has the settings of ${run.name.toLowerCase()}, so there is no band.`;
  }

  // A step, map by map

  function showStep(run, { pixels, label, outputs, maps }) {
    const panel = part("step"), best = outputs.indexOf(Math.max(...outputs));
    panel.hidden = false;
    const picture = element("canvas", { width: 28, height: 28, role: "img", "aria-label": `A training image, label ${label}` });
    const image = new ImageData(28, 28);
    pixels.forEach((value, i) => image.data.set([255 - value, 255 - value, 255 - value, 255], 4 * i));
    picture.getContext("2d").putImageData(image, 0, 0);
    const figures = maps.map(({ count, side, values }, stage) => {
      const words = `Stage ${stage + 1}: gradient of the loss by each of ${count} maps of ${side} by ${side}, before the activation`;
      const canvas = element("canvas", { role: "img", "aria-label": words });
      paintMaps(canvas, values, side);
      return element("figure", {}, element("figcaption", {}, words), canvas);
    });
    const words = `${run.name} took a step. Before it, this ${label} was read as ${best}, at `
      + `${(100 * Math.exp(outputs[best])).toFixed(1)}%; the loss was ${(-outputs[label]).toFixed(3)}.`;
    panel.replaceChildren(element("div", { class: "train-image" }, picture, element("p", {}, words,
      " White is 0, blue above it, orange below; each picture has its own scale.")), ...figures);
    say(words);
  }

  /* Maps side by side on one scale. */
  function paintMaps(canvas, values, side) {
    const count = values.length / (side * side), columns = Math.min(count, 8), pitch = side + 1;
    const BLUE = [0, 114, 178], ORANGE = [213, 94, 0];
    canvas.width = columns * pitch - 1;
    canvas.height = Math.ceil(count / columns) * pitch - 1;
    const picture = new ImageData(canvas.width, canvas.height);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    values.forEach((value, i) => {
      const map = Math.floor(i / (side * side)), y = Math.floor(i / side) % side, x = i % side;
      const pixel = (Math.floor(map / columns) * pitch + y) * canvas.width + (map % columns) * pitch + x;
      const color = value > 0 ? BLUE : ORANGE, strength = Math.abs(value) / largest;
      picture.data.set([...color.map((each) => 255 - strength * (255 - each)), 255], 4 * pixel);
    });
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  function showCheck(run, rows) {
    const scale = Math.max(...rows.map((row) => Math.abs(row.differences))) || 1;
    const largest = Math.max(...rows.map((row) => Math.abs(row.backward - row.differences))) / scale;
    const verdict = largest < 0.02 ? "They agree, as far as these steps can tell." : "They disagree: the backward pass is wrong.";
    say(`${run.name}, its latest image: ${rows.length} derivatives by the backward pass and by central differences differ by at `
      + `most ${(100 * largest).toFixed(1)}% of the largest. ${verdict}`);
  }

  // The drawing pad, read by the latest run too

  function showReading(run, { digit, probabilities }) {
    const answer = document.querySelector(".train-reading");
    answer.textContent = `${run.name} reads ${digit}, at ${(100 * probabilities[digit]).toFixed(1)}%.`;
  }

  function listenToPad() {
    pad?.addEventListener("drawn", ({ detail }) => {
      const answer = document.querySelector(".train-reading");
      if (!latest()) {
        answer.textContent = "No run of yours is here yet.";
      } else if (detail) {
        latest().worker.postMessage({ read: detail });
      } else {
        answer.textContent = "";
      }
    });
  }

  // Downloads

  function download(run, kind) {
    const epochs = run.curves.validation.map((_, i) => [i + 1, ...Object.keys(CURVES).map((name) => run.curves[name][i])]);
    const text = kind === "csv"
      ? [["epoch", ...Object.keys(CURVES)], ...epochs].map((row) => row.join(",")).join("\n") + "\n"
      : JSON.stringify({
        experiment: { seed: run.seed, scale: "tenth", ...run.settings, epochs: EPOCHS },
        measured: Object.fromEntries(Object.keys(CURVES).map((name) => [name, {
          errors: run.curves[name], images: name === "online" ? run.images.training : run.images.validation,
        }])),
        diverged: run.state === "diverged",
        provenance: { engine: run.images.fast ? "page, WebAssembly" : "page, JavaScript", browser: navigator.userAgent },
      }, null, 1);
    const link = element("a", { download: `${run.name.replace(" ", "-")}.${kind}`, href: URL.createObjectURL(new Blob([text])) });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  // Buttons

  part("start").addEventListener("click", async () => {
    const run = await add();
    if (run) {
      go(run, true);
      say(`${run.name} began: ${run.words}, seed ${run.seed}.`);
    }
    show();
  });
  part("pause").addEventListener("click", () => {
    const training = !runs.some((run) => run.state === "training");
    runs.forEach((run) => go(run, training));
    say(training ? "Training goes on." : "Paused.");
    show();
  });
  for (const [button, message] of [["one", { one: true }], ["check", { check: true }]]) {
    part(button).addEventListener("click", async () => {
      const run = alive(latest()) ? latest() : await add();
      if (run) {
        go(run, false);
        run.worker.postMessage(message);
      }
      show();
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => { part("refused").textContent = data ? refusal() : ""; });
  part("curve").addEventListener("change", show);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && runs.some((run) => run.state === "training")) {
      runs.forEach((run) => go(run, false));
      say("Paused, because the page was hidden.");
      show();
    }
  });
  listenToPad();
  showCurves();

  return { runs, load };
})();
