"use strict";

/* The drawing page: pen, probabilities, feature maps and gallery. draw-network.js computes what they show. */
(function () {
  const { SIDE, IMAGE } = drawDigit;
  const CELL = SIDE / IMAGE; // one step of the pen by keyboard
  const COLUMNS = 16; // of the feature maps
  const REST = 600; // milliseconds without a change before a result is announced
  const folder = new URL("draw-weights/", document.currentScript.src);

  const box = document.querySelector(".draw-digit");
  const part = (name) => box.querySelector(`.draw-${name}`);
  const paper = part("paper"), status = part("status");

  // The drawing: lines, each a pair of points, over a digit of the gallery if one was chosen

  let lines = [], chosen = null;
  let ink = new Uint8Array(SIDE * SIDE), inked = 0, radius = 0; // the ink of the first `inked` lines, and their pen

  /* Draw the new lines, or all of them if the pen has another width now. */
  function updateInk() {
    const wanted = chosen ? drawDigit.WIDEST : drawDigit.penRadius(lines);
    if (wanted !== radius || inked > lines.length) {
      ink = chosen ? chosen.slice() : new Uint8Array(SIDE * SIDE);
      [inked, radius] = [0, wanted];
    }
    for (; inked < lines.length; inked++) {
      drawDigit.addInk(ink, lines[inked], radius);
    }
  }

  function startFrom(digit) {
    [lines, chosen, radius] = [[], digit, 0];
    liftPen();
    inkChanged();
  }

  function canRun() {
    return window.PointerEvent && window.Worker && window.Blob && window.Uint8Array && paper.getContext;
  }

  // The pen: mouse, finger or stylus

  let last = null; // the pen's place while it is down
  let pointer = null; // the pointer that draws; others, such as a second finger, do not disturb it

  function placeOf(event) {
    const frame = paper.getBoundingClientRect();
    const scale = SIDE / paper.clientWidth;
    return [(event.clientX - frame.left - paper.clientLeft) * scale, (event.clientY - frame.top - paper.clientTop) * scale];
  }

  function drawTo(point) {
    lines.push([last || point, point]);
    last = point;
    inkChanged();
  }

  function liftPen() {
    last = null;
    pointer = null;
  }

  function listenToPointer() {
    paper.addEventListener("pointerdown", (event) => {
      // A stylus takes over from a hand that touched the paper first.
      const free = pointer === null || pointer === event.pointerId || event.pointerType === "pen";
      if (event.button === 0 && free) {
        liftPen();
        pointer = event.pointerId;
        cursor = null;
        drawTo(placeOf(event));
        paper.setPointerCapture(pointer);
      }
    });
    paper.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) {
        return;
      }
      // While another button is held, no event says that the first one was released.
      if (event.pointerType === "mouse" && !(event.buttons & 1)) {
        liftPen();
        return;
      }
      // A quick hand makes several moves per frame; the browser delivers them together.
      const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      (moves.length ? moves : [event]).forEach((move) => drawTo(placeOf(move)));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      paper.addEventListener(end, (event) => {
        if (event.pointerId === pointer) {
          liftPen();
        }
      });
    }
    // A menu would take the end of the stroke for itself.
    paper.addEventListener("contextmenu", (event) => {
      if (pointer !== null) {
        event.preventDefault();
      }
    });
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
        liftPen();
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
      liftPen();
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
        updateInk();
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
    if (!loading && (chosen || lines.length)) {
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
    box.dispatchEvent(new CustomEvent("drawn", { detail: drawDigit.inkBox(ink) ? image : null }));
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
        startFrom(drawDigit.enlarge(pixelsOf(button.querySelector("img"))));
        paper.focus({ preventScroll: true }); // so that the keyboard can draw on it
        paper.scrollIntoView({ block: "center" });
      });
    });
  }

  /* The digit's bytes as they stand in the page: browsers that protect privacy add noise to what a page reads back from a
     canvas. In a BMP the rows go from the bottom up, and the header says where they begin. */
  function pixelsOf(picture) {
    const bytes = Uint8Array.from(atob(picture.src.split(",")[1]), (letter) => letter.charCodeAt(0));
    const start = new DataView(bytes.buffer).getUint32(10, true);
    return Uint8Array.from({ length: IMAGE * IMAGE }, (_, i) => {
      const row = Math.floor(i / IMAGE), column = i % IMAGE;
      return 255 - bytes[start + (IMAGE - 1 - row) * IMAGE + column];
    });
  }

  function makeBars() {
    for (let digit = 0; digit < 10; digit++) {
      const row = document.createElement("li");
      row.innerHTML = `<span>${digit}</span><span class="draw-track"><span class="draw-bar"></span></span>
        <span class="draw-share">–</span>`;
      part("bars").append(row);
    }
  }

  if (canRun()) {
    makeBars();
    makeButtons();
    listenToPointer();
    listenToKeys();
    part("clear").addEventListener("click", () => startFrom(null));
    repaint();
  } else {
    part("unable").hidden = false;
    part("work").hidden = true;
  }
})();
