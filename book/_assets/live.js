// Runs the cells of a page: loads Python on a click, turns cells into editors, shows what they return.
//
// tools/live/ makes what it loads. A live cell keeps its recorded output until it has run here.
"use strict";
const live = (function () {
  const settings = JSON.parse(document.getElementById("live-settings").textContent);
  const place = new URL("live/", document.currentScript.src);
  const bar = document.querySelector(".live-bar");
  const status = bar.querySelector("[role=status]");
  const [runPage, stopPage, resetPage, forget] = bar.querySelectorAll("button");
  const progress = bar.querySelector("progress");
  const invitation = status.textContent;

  function make(tag, properties = {}, ...children) {
    const { data, aria, ...rest } = properties;
    const element = Object.assign(document.createElement(tag), rest);
    Object.entries(aria || {}).forEach(([name, value]) => element.setAttribute(name === "role" ? name : `aria-${name}`, value));
    element.append(...children);
    return element;
  }

  const button = (text, name, act) => {
    const made = make("button", { type: "button", textContent: text, onclick: act });
    if (name) made.setAttribute("aria-label", name);
    return made;
  };

  // ---------------------------------------------------------------- Python

  const received = []; // messages for the worker; kept, so that a stopped Python starts again without loading
  let code = ""; // of the worker
  let loading = null; // a promise, once the scripts have been asked for
  let worker = null;
  let started = null; // a promise: the worker is ready
  let running = null; // how to end the run in progress

  function receive(message) {
    if (message.worker) code = message.worker;
    else received.push(message);
  }

  const script = (name) => new Promise((done, fail) => {
    const element = make("script", { src: new URL(name, place).href, onload: done });
    element.onerror = () => fail(new Error(`${name} cannot be loaded`));
    document.head.append(element);
  });

  // Where there is a server, let a service worker keep the scripts for the next chapter; it must be there before they load.
  async function keep() {
    if (location.protocol === "file:" || !navigator.serviceWorker) return;
    try {
      await navigator.serviceWorker.register(new URL("../../live-cache.js", place));
      if (navigator.serviceWorker.controller) return;
      await new Promise((done) => { navigator.serviceWorker.oncontrollerchange = done; setTimeout(done, 1000); });
    } catch { /* the browser's own cache is left */ }
  }

  async function load() {
    await keep();
    await script("index.js");
    progress.max = live.scripts.reduce((sum, [, size]) => sum + size, 0);
    progress.value = 0;
    progress.hidden = false;
    const megabytes = (size) => (size / 1e6).toFixed(0);
    for (const [name, size] of live.scripts) {
      tell(`Loading Python: ${megabytes(progress.value)} of ${megabytes(progress.max)} MB.`);
      await script(name);
      progress.value += size;
    }
  }

  function start() {
    started ??= (loading ??= load()).then(() => new Promise((ready, fail) => {
      progress.removeAttribute("value"); // from here on nobody knows how much is left
      // Chromium refuses module workers from blobs on a disk.
      worker = new Worker(`data:text/javascript;base64,${btoa(code)}`, { type: "module" });
      worker.onmessage = ({ data }) => {
        if (data.state) tell(`${data.state} …`);
        if (data.ready) { progress.hidden = true; ready(); }
        if (data.output) running?.(data.output);
        if (data.failed) { fail(new Error(data.failed)); die(data.failed); }
      };
      worker.onerror = (event) => { fail(new Error(event.message)); die(event.message); };
      received.forEach((message) => worker.postMessage(message));
      worker.postMessage({ start: true });
      stopped = fail;
    }));
    return started;
  }
  let stopped = () => {};

  // End Python, and with it all names that cells defined.
  function end() {
    worker?.terminate();
    worker = started = null;
    progress.hidden = true;
    cells.forEach((cell) => { cell.done = false; });
    const [give, fail] = [running, stopped];
    running = null;
    stopped = () => {};
    fail(new Error("stopped"));
    give?.({ text: "", data: null, error: null, ended: true });
  }

  // Python itself broke down: its memory, or its stack.
  function die(message) {
    const memory = /memory|allocation|OOM/i.test(message);
    const give = running;
    running = null;
    give?.({ text: "", data: null, ended: true, error: { kind: memory ? "Out of memory" : "Python ended", traceback: message,
      sentence: "Python in this page has ended. Run starts it again, without the names that cells had defined." } });
    end();
  }

  function execute(message) {
    return new Promise((done) => {
      running = (output) => { running = null; done(output); };
      worker.postMessage(message);
    });
  }

  // ---------------------------------------------------------------- output

  // Links to equations by their labels: a chain that runs again keeps its numbers, and cites those of other pages.
  const equations = new Map();
  document.querySelectorAll("a.reference.internal[href*='#equation-']").forEach((link) => {
    equations.set(link.hash.slice("#equation-".length), { number: link.textContent, href: link.getAttribute("href") });
  });
  document.querySelectorAll("[id^=equation-] > .eqno").forEach((eqno) => {
    const { id } = eqno.parentElement;
    equations.set(id.slice("equation-".length), { number: eqno.firstChild.textContent, href: `#${id}` });
  });

  const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const math = (tex) => `<span class="math notranslate nohighlight">\\(${escape(tex)}\\)</span>`;

  // The MyST that chains and verdicts are written in: formulas, emphasis, code, references to equations.
  const INLINE = /\{(?:eq|numref)\}`([^`]+)`|`([^`]+)`|\$([^$]+)\$|\*\*(.+?)\*\*|\*(.+?)\*/g;

  function inline(text) {
    const plain = (words) => escape(words.replace(/(\w)'/g, "$1’"));
    let shown = "", end = 0;
    for (const found of text.matchAll(INLINE)) {
      const [whole, label, literal, tex, strong, emphasis] = found;
      shown += plain(text.slice(end, found.index));
      end = found.index + whole.length;
      const cited = label && equations.get(label);
      if (cited) shown += `<a class="reference internal" href="${escape(cited.href)}">${cited.number}</a>`;
      else if (label) shown += escape(label);
      else if (literal) shown += `<code class="docutils literal notranslate">${escape(literal)}</code>`;
      else if (tex) shown += math(tex);
      else if (strong) shown += `<strong>${inline(strong)}</strong>`;
      else shown += `<em>${inline(emphasis)}</em>`;
    }
    return shown + plain(text.slice(end));
  }

  function block(text) {
    const equation = /^\$\$\n([^]+?)\n\$\$(?: \(([\w-]+)\))?$/.exec(text);
    if (equation) {
      const [, tex, label] = equation;
      if (!label) return `<div class="math notranslate nohighlight">\\[${escape(tex)}\\]</div>`;
      const id = `equation-${label}`;
      return `<div class="math notranslate nohighlight" id="${id}"><span class="eqno">${equations.get(label)?.number ?? `(${label})`}` +
        `<a class="headerlink" href="#${id}" title="Link to this equation">#</a></span>\\[${escape(tex)}\\]</div>`;
    }
    if (/^\|/.test(text)) {
      const rows = text.split("\n").map((row) => row.replace(/^\|\s*|\s*\|$/g, "").split(/\s*\|\s*/).map(inline));
      const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
      return `<table class="table"><thead>${row(rows[0], "th")}</thead><tbody>${rows.slice(2).map((cells) => row(cells, "td")).join("")}</tbody></table>`;
    }
    return `<p>${inline(text)}</p>`;
  }

  const markdown = (text) => text.trim().split(/\n\n+/).map(block).join("\n");

  function shown({ text, data, error }) {
    const parts = [];
    const pre = (content) => make("div", { className: "output stream" }, make("div", { className: "highlight" }, make("pre", { textContent: content })));
    if (text) parts.push(pre(text));
    if (data) {
      const box = make("div", { className: "output text_html" });
      if (data["text/html"]) box.innerHTML = data["text/html"];
      else if (data["text/markdown"]) box.innerHTML = markdown(data["text/markdown"]);
      else if (data["text/latex"]) box.innerHTML = `<div class="math notranslate nohighlight">\\[${escape(data["text/latex"].replace(/^\$+|\$+$/g, ""))}\\]</div>`;
      else box.replaceChildren(pre(data["text/plain"]));
      if (!data["text/html"]) box.className = "output text_markdown";
      parts.push(box);
    }
    if (error) {
      parts.push(make("div", { className: "live-error" },
        make("p", {}, make("strong", { textContent: `${error.kind}: ` }), error.sentence),
        make("details", {}, make("summary", { textContent: "Traceback" }), make("pre", { textContent: error.traceback }))));
    }
    return parts;
  }

  // Scripts that arrive as text run only if they are made anew.
  function revive(box) {
    box.querySelectorAll("script").forEach((script) => script.replaceWith(make("script", { textContent: script.textContent })));
  }

  async function fill(box, parts) {
    window.MathJax?.typesetClear?.(Array.from(box.children));
    box.replaceChildren(...parts);
    revive(box);
    await window.MathJax?.typesetPromise?.([box]);
    dispatchEvent(new Event("resize")); // book.js measures again what scrolls
  }

  // ---------------------------------------------------------------- editors

  const TOKENS = new RegExp([
    /(?<c1>#.*)/, /(?<s2>[rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))/,
    /\b(?<k>and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b/,
    /\b(?<kc>True|False|None)\b/, /\b(?<mi>\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?)/, /(?<o>[-+*/%=<>!&|^~@]+)/, /(?<n>\w+)/,
  ].map((part) => part.source).join("|"), "g");

  // Pygments' classes, so that the theme colors what is typed like the rest.
  function highlight(text) {
    let shown = "", end = 0;
    for (const found of text.matchAll(TOKENS)) {
      const [kind] = Object.entries(found.groups).find(([, value]) => value !== undefined);
      shown += `${escape(text.slice(end, found.index))}<span class="${kind}">${escape(found[0])}</span>`;
      end = found.index + found[0].length;
    }
    return `${shown}${escape(text.slice(end))}\n`;
  }

  // A text area upon the highlighted text: the browser's own undo, selection, spelling of names to screen readers.
  function edit(box, pre, text, name, { run, changed }) {
    const area = make("textarea", { value: text, spellcheck: false, autocapitalize: "off", autocomplete: "off", rows: 1,
      wrap: "off", className: "live-code", aria: { label: name, describedby: "live-keys" } });
    const insert = (words) => document.execCommand("insertText", false, words); // deprecated, but keeps undo
    let leaving = false;
    area.oninput = () => { pre.innerHTML = highlight(area.value); changed(); };
    area.onkeydown = (event) => {
      const before = area.value.slice(0, area.selectionStart);
      const line = before.slice(before.lastIndexOf("\n") + 1);
      if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
      else if (event.key === "Enter" && !event.isComposing) {
        event.preventDefault();
        insert(`\n${/^ */.exec(line)[0]}${/:\s*$/.test(line) ? "    " : ""}`);
      } else if (event.key === "Tab" && !event.shiftKey && !leaving) { event.preventDefault(); insert(" ".repeat(4 - line.length % 4)); }
      if (event.key !== "Shift") leaving = event.key === "Escape";
    };
    pre.setAttribute("aria-hidden", "true");
    pre.removeAttribute("tabindex");
    box.classList.add("live-editor");
    box.append(area);
    return area;
  }

  // ---------------------------------------------------------------- cells

  const boxes = document.querySelectorAll("div.cell");
  const cells = settings.cells.map((about, index) => {
    const box = boxes[index];
    const cell = { ...about, index, name: `cell ${index + 1}`, box, done: false };
    if (about.needs) return cell;
    cell.button = button("Run", `Run ${cell.name}`, () => runTo(cell));
    cell.button.className = "live-run";
    box.classList.add("live-cell");
    box.append(cell.button);
    const pre = box.querySelector(".cell_input pre");
    cell.recordedSource = about.source ?? pre.textContent.replace(/\n$/, "");
    cell.source = () => cell.area?.value ?? cell.recordedSource;
    cell.output = box.querySelector(":scope > .cell_output") ?? make("div", { className: "cell_output" });
    cell.recorded = Array.from(cell.output.children);
    cell.label = make("p", { className: "live-label" });
    return cell;
  });
  const liveCells = cells.filter((cell) => !cell.needs);

  // The text of an output, without the buttons that copy it.
  function words(nodes) {
    const copy = make("div", {}, ...nodes.map((node) => node.cloneNode(true)));
    copy.querySelectorAll(".copybtn, style, script").forEach((unseen) => unseen.remove()); // the build moves styles to the head
    return copy.textContent.replace(/\s+/g, "");
  }

  function label(cell, text, kind) {
    cell.label.textContent = text;
    cell.box.dataset.live = kind;
    if (!cell.label.isConnected && cell.output.isConnected) cell.output.before(cell.label);
  }

  // The first click makes the page one to work in.
  function open() {
    if (open.done) return;
    open.done = true;
    document.body.append(make("p", { id: "live-keys", hidden: true,
      textContent: "Tab indents. To leave the code, press Escape and then Tab. Shift and Enter run it." }));
    cells.forEach((cell) => {
      if (cell.needs) {
        cell.box.append(make("p", { className: "live-label", textContent: `Recorded: this needs ${cell.needs}, which a page does not have.` }));
        return;
      }
      const pre = cell.box.querySelector(".cell_input pre");
      if (pre) {
        const changed = () => {
          cell.done = false;
          cell.reset.hidden = cell.area.value === cell.recordedSource && !cell.result;
          if (cell.result) label(cell, "Output of the code before your change", "old");
        };
        cell.area = edit(pre.parentElement, pre, cell.recordedSource, `Code of ${cell.name}`, { run: () => runTo(cell), changed });
      }
      cell.reset = button("Reset", `Reset ${cell.name}`, () => { reset(cell); tell(`Reset ${cell.name}.`); });
      cell.reset.hidden = true;
      cell.reset.className = "live-reset";
      cell.box.append(cell.reset);
      if (cell.recorded.length) label(cell, "Recorded output", "recorded");
    });
    settings.exercises.forEach(offer);
    resetPage.hidden = false;
  }

  function reset(cell) {
    if (!open.done) return;
    cell.done = false;
    cell.result = null;
    if (cell.area) { cell.area.value = cell.recordedSource; cell.area.oninput(); }
    cell.reset.hidden = true;
    cell.output.replaceChildren(...cell.recorded);
    if (cell.recorded.length) label(cell, "Recorded output", "recorded");
    else { cell.output.remove(); cell.label.remove(); delete cell.box.dataset.live; }
  }

  function tell(text) { status.textContent = text; }

  function busy(is) {
    document.body.classList.toggle("live-busy", is);
    runPage.hidden = is;
    stopPage.hidden = !is;
    liveCells.forEach((cell) => { cell.button.disabled = is; });
    document.querySelectorAll(".live-check").forEach((check) => { check.disabled = is; });
  }

  async function runCell(cell) {
    const before = performance.now();
    if (cell.recorded.length || cell.result) label(cell, "Running …", "running");
    const output = await execute({ source: cell.source(), name: cell.name });
    if (output.ended && !output.error) { label(cell, cell.result ? "Stopped; an earlier output" : "Stopped; the recorded output", "recorded"); return output; }
    if (!cell.output.isConnected) cell.box.append(cell.output);
    cell.done = true;
    cell.result = output;
    cell.reset.hidden = false;
    await fill(cell.output, shown(output));
    const seconds = ((performance.now() - before) / 1000).toFixed(1);
    cell.same = cell.source() === cell.recordedSource && (words(Array.from(cell.output.children)) === (cell.recordedWords ??= words(cell.recorded)));
    if (!cell.output.children.length) { cell.output.remove(); cell.label.remove(); cell.box.dataset.live = "live"; }
    else label(cell, `Computed in this page in ${seconds} s${cell.same ? ", as recorded" : ""}`, output.error ? "error" : "live");
    return output;
  }

  // Run the cells up to one that have not run since they or Python changed; stop at the first error.
  async function runAll(wanted) {
    const from = performance.now();
    let count = 0;
    busy(true);
    try {
      open();
      await start();
      for (const cell of wanted.filter((each) => !each.done)) {
        tell(`Running ${cell.name} of ${cells.length} …`);
        const output = await runCell(cell);
        if (output.ended && !output.error) throw new Error("stopped");
        if (output.error) {
          tell(`${cell.name[0].toUpperCase()}${cell.name.slice(1)} ended with ${output.error.kind}: ${output.error.sentence}`);
          return false;
        }
        count += 1;
      }
      const same = wanted.filter((cell) => cell.same).length;
      tell(`Ran ${count} cell${count === 1 ? "" : "s"} in ${((performance.now() - from) / 1000).toFixed(1)} s` +
        (wanted.length > 1 ? `; ${same} of ${wanted.length} outputs are as recorded.` : "."));
      return true;
    } catch (error) {
      tell(error.message === "stopped"
        ? "Stopped. Python has forgotten the names that cells defined; Run starts it again."
        : `Python could not be started: ${error.message}.`);
      if (error.message !== "stopped") { loading = null; end(); }
      return false;
    } finally {
      progress.hidden = true;
      busy(false);
    }
  }

  function runTo(cell) {
    cell.done = false;
    return runAll(liveCells.filter((each) => each.index <= cell.index));
  }

  // ---------------------------------------------------------------- exercises

  function offer({ label: name, answer, blank }) {
    const check = settings.cells[answer + 1];
    const title = document.getElementById(name)?.querySelector(".admonition-title");
    const pre = make("pre");
    const code = make("div", { className: "highlight" }, pre);
    const verdict = make("div", { className: "live-verdict cell_output", aria: { role: "status" } });
    const box = make("div", { className: "live-answer", aria: { role: "group", label: `Your answer: ${title?.textContent.trim()}` } },
      make("p", { className: "live-label", textContent: "Your answer" }), code, verdict);
    const judge = button("Check my answer", "", async () => {
      // What the exercise stands on; its own solution must not lend its names.
      const before = liveCells.filter((cell) => cell.index < answer);
      if (!await runAll(before)) return;
      busy(true);
      const sources = [area.value, cells[answer + 1].source()];
      const output = await execute({ source: sources[0], check: sources[1], name: "your answer" });
      busy(false);
      const right = !output.error && !output.ended;
      const heading = output.ended ? "Stopped" : right ? "Right" : output.error.kind === "WrongAnswer" ? "Not right yet" : "Your answer stopped with an error";
      verdict.dataset.verdict = right ? "right" : "wrong";
      await fill(verdict, [make("p", { className: "live-heading", textContent: heading }), ...shown(output)]);
      if (right) { answers.add(settings.chapter, name, settings.exercises.length); forget.hidden = false; }
      tell(`${heading}.`);
    });
    judge.className = "live-check";
    box.append(judge);
    const area = edit(code, pre, blank, "Your answer", { run: () => judge.click(), changed: () => {} });
    area.oninput();
    if (answers.has(settings.chapter, name)) verdict.append(make("p", { className: "live-heading", textContent: "Right, when you answered it before" }));
    cells[answer].box.closest(".solution, .admonition").before(box);
  }

  // ---------------------------------------------------------------- forms

  // A form fills in the constants of its cell's last call.
  const withForms = cells.filter((cell) => cell.form);
  document.querySelectorAll(".live-form").forEach((form, place) => {
    const cell = withForms[place];
    form.onsubmit = (event) => {
      event.preventDefault();
      const values = cell.form.fields.map(({ label, value, before }) => {
        const typed = form.elements[label].value;
        return before + (typeof value === "number" ? Number(typed) : JSON.stringify(typed));
      });
      open();
      cell.area.value = values.join("") + cell.form.rest;
      cell.area.oninput();
      runTo(cell);
    };
  });

  // ---------------------------------------------------------------- the bar

  runPage.onclick = () => {
    worker?.postMessage({ forget: true });
    cells.forEach((cell) => { cell.done = false; });
    runAll(liveCells);
  };
  stopPage.onclick = end;
  resetPage.onclick = () => { end(); liveCells.forEach(reset); tell(invitation); };
  forget.hidden = !answers.any();
  forget.onclick = () => { answers.clear(); forget.hidden = true; tell("Your answers are forgotten."); };

  return { receive, cells, runAll: () => runAll(liveCells) };
})();
