"use strict";

/* The drawing page: pen, probabilities, feature maps and gallery. draw-network.js computes what they show. */
drawDigit.page = (function () {
  const { SIDE, IMAGE } = drawDigit;
  const CELL = SIDE / IMAGE; // one step of the pen by keyboard
  const COLUMNS = 16; // of the feature maps
  const REST = 600; // milliseconds without a change before a result is announced
  const folder = new URL("draw-weights/", document.currentScript.src);

  const box = document.querySelector(".draw-digit");
  const part = (name) => box.querySelector(`.draw-${name}`);
  const paper = part("paper"), status = part("status");
  let ink = new Uint8Array(SIDE * SIDE);

  function canRun() {
    return window.PointerEvent && window.Worker && window.Blob && window.Uint8Array && paper.getContext;
  }

  // The pen: mouse, finger or stylus

  let last = null; // the pen's place while it is down

  function placeOf(event) {
    const frame = paper.getBoundingClientRect();
    const scale = SIDE / paper.clientWidth;
    return [(event.clientX - frame.left - paper.clientLeft) * scale, (event.clientY - frame.top - paper.clientTop) * scale];
  }

  function drawTo(point) {
    drawDigit.addInk(ink, last || point, point);
    last = point;
    inkChanged();
  }

  function listenToPointer() {
    paper.addEventListener("pointerdown", (event) => {
      if (event.isPrimary && event.button === 0) {
        paper.setPointerCapture(event.pointerId);
        last = null;
        cursor = null;
        drawTo(placeOf(event));
      }
    });
    paper.addEventListener("pointermove", (event) => {
      if (event.isPrimary && last && !cursor) {
        // A quick hand makes several moves per frame; the browser delivers them together.
        const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
        (moves.length ? moves : [event]).forEach((move) => drawTo(placeOf(move)));
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      paper.addEventListener(end, () => {
        last = cursor && last;
      });
    }
  }

  // The pen: keyboard. Arrows move it by one pixel of MNIST; the space bar lowers and lifts it.

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  let cursor = null; // column and row, while the pen is moved by keyboard

  function listenToKeys() {
    paper.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if ((!arrow && event.key !== " ") || event.ctrlKey || event.altKey || event.metaKey) {
        return;
      }
      event.preventDefault(); // do not scroll the page
      if (!cursor) {
        cursor = [IMAGE / 2, IMAGE / 2];
        last = null;
      } else if (arrow) {
        cursor = cursor.map((place, axis) => Math.min(Math.max(place + arrow[axis], 0), IMAGE - 1));
      }
      const point = cursor.map((place) => (place + 0.5) * CELL);
      if (event.key === " " && !event.repeat) {
        last = last ? null : point;
      }
      if (last) {
        drawTo(point);
      } else {
        repaint();
      }
      announceSoon();
    });
    paper.addEventListener("blur", () => {
      last = null;
      cursor = null;
      repaint();
    });
  }

  // The paper: painted at most once per frame

  let painting = false;

  function repaint() {
    if (!painting) {
      painting = true;
      requestAnimationFrame(() => {
        painting = false;
        paintGray(paper, ink, SIDE);
        if (cursor) {
          paintCursor();
        }
        ask();
      });
    }
  }

  function paintGray(canvas, bytes, side) {
    const picture = new ImageData(side, side);
    bytes.forEach((value, i) => picture.data.set([255 - value, 255 - value, 255 - value, 255], 4 * i));
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  function paintCursor() {
    const context = paper.getContext("2d"), [x, y] = cursor.map((place) => (place + 0.5) * CELL);
    for (const [color, width] of [["#fff", 7], ["#d55e00", 3]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, last ? 8 : 13, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  // Questions to the network: one at a time, always about the latest drawing

  let worker = null, changed = false, busy = false, loading = false, image = null, answer = null;

  function inkChanged() {
    changed = true;
    if (!loading) {
      loading = true;
      loadWeights();
    }
    repaint();
    announceSoon();
  }

  function ask() {
    if (!changed) {
      return;
    }
    image = drawDigit.place(ink);
    paintGray(part("seen"), image, IMAGE);
    if (!drawDigit.inkBox(ink)) {
      changed = false;
      show(null);
    } else if (worker && !busy) {
      changed = false;
      busy = true;
      worker.postMessage({ image });
    }
  }

  function answered({ data }) {
    busy = false;
    if (drawDigit.inkBox(ink)) {
      show(data);
    }
    if (changed) {
      repaint();
    }
  }

  // The weights: loaded at the first stroke

  function loadScript(name) {
    return new Promise((loaded, failed) => {
      const script = document.createElement("script");
      script.src = new URL(name, folder);
      script.onload = loaded;
      script.onerror = () => failed(new Error(`The network's weights could not be loaded (${name}).`));
      document.head.append(script);
    });
  }

  async function loadWeights() {
    const progress = part("progress"), bar = progress.querySelector("progress");
    progress.hidden = false;
    try {
      await loadScript("model.js");
      const model = drawDigit.model;
      bar.max = model.pieces.length;
      for (const [number, name] of model.pieces.entries()) {
        await loadScript(name);
        bar.value = number + 1;
        progress.querySelector("span").textContent = `${number + 1} of ${model.pieces.length}`;
      }
      const started = drawDigit.startWorker(model, drawDigit.unpackWeights(model));
      started.onmessage = answered;
      started.onerror = () => giveUp("This browser does not run the network.");
      worker = started;
      progress.hidden = true;
      repaint();
    } catch (error) {
      progress.hidden = true;
      giveUp(error.message);
    }
  }

  function giveUp(reason) {
    const sentence = part("unable");
    sentence.textContent = `${reason} The answers in the gallery below were computed beforehand.`;
    sentence.hidden = false;
  }

  // Answers

  const percent = (p) => `${(100 * p).toFixed(1)}%`;
  let rest = null;

  function show(result) {
    answer = result && Array.from(result.logProbabilities, Math.exp);
    const best = answer && answer.indexOf(Math.max(...answer));
    part("bars").querySelectorAll("li").forEach((row, digit) => {
      row.classList.toggle("draw-best", digit === best);
      row.querySelector(".draw-bar").style.width = answer ? percent(answer[digit]) : 0;
      row.querySelector(".draw-share").textContent = answer ? percent(answer[digit]) : "–";
    });
    box.querySelectorAll(".draw-maps canvas").forEach((canvas, number) => {
      paintMaps(canvas, result && result.steps[number]);
    });
    announceSoon();
  }

  function announceSoon() {
    clearTimeout(rest);
    rest = setTimeout(() => {
      if (!worker || !(changed || busy)) { // otherwise an answer is on its way, and will be announced
        status.textContent = `${whereThePenIs()}${whatTheNetworkSays()}`;
      }
    }, REST);
  }

  function whereThePenIs() {
    return cursor ? `Pen ${last ? "down" : "up"}, column ${cursor[0] + 1}, row ${cursor[1] + 1}. ` : "";
  }

  function whatTheNetworkSays() {
    if (!answer) {
      return worker || !loading ? "Nothing is drawn." : "The network is loading.";
    }
    const [first, second] = answer.map((p, digit) => ({ p, digit })).sort((a, b) => b.p - a.p);
    return `The network reads ${first.digit}, at ${percent(first.p)}; next is ${second.digit}, at ${percent(second.p)}.`;
  }

  /* All maps of a step side by side, on one scale: white is 0, blue above it, orange below. */
  function paintMaps(canvas, step) {
    if (!step) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      return;
    }
    const { maps, side } = step, count = maps.length / (side * side), pitch = side + 1;
    canvas.width = COLUMNS * pitch - 1;
    canvas.height = Math.ceil(count / COLUMNS) * pitch - 1;
    const largest = maps.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    const picture = new ImageData(canvas.width, canvas.height), BLUE = [0, 114, 178], ORANGE = [213, 94, 0];
    for (let c = 0, i = 0; c < count; c++) {
      for (let y = 0; y < side; y++) {
        let pixel = 4 * ((Math.floor(c / COLUMNS) * pitch + y) * canvas.width + (c % COLUMNS) * pitch);
        for (let x = 0; x < side; x++, i++) {
          const color = maps[i] > 0 ? BLUE : ORANGE, strength = Math.abs(maps[i]) / largest;
          for (let part = 0; part < 3; part++) {
            picture.data[pixel++] = 255 - strength * (255 - color[part]);
          }
          picture.data[pixel++] = 255;
        }
      }
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  // The gallery: each digit becomes a button that copies it to the paper

  function makeButtons() {
    document.querySelectorAll(".digit-gallery li").forEach((item) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", () => {
        ink = drawDigit.enlarge(pixelsOf(button.querySelector("img")));
        last = null;
        inkChanged();
        paper.focus({ preventScroll: true }); // so that the keyboard can draw on it
        paper.scrollIntoView({ block: "center" });
      });
    });
  }

  function pixelsOf(picture) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = IMAGE;
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0, IMAGE, IMAGE);
    const colors = context.getImageData(0, 0, IMAGE, IMAGE).data;
    return Uint8Array.from({ length: IMAGE * IMAGE }, (_, i) => 255 - colors[4 * i]);
  }

  function makeBars() {
    for (let digit = 0; digit < 10; digit++) {
      const row = document.createElement("li");
      row.innerHTML = `<span>${digit}</span><span class="draw-track"><span class="draw-bar"></span></span>
        <span class="draw-share">–</span>`;
      part("bars").append(row);
    }
  }

  function clear() {
    ink = new Uint8Array(SIDE * SIDE);
    last = null;
    changed = true;
    repaint();
    announceSoon();
  }

  if (canRun()) {
    makeBars();
    makeButtons();
    listenToPointer();
    listenToKeys();
    part("clear").addEventListener("click", clear);
    repaint();
  } else {
    part("unable").hidden = false;
    part("work").hidden = true;
  }
  return { pixelsOf };
})();
