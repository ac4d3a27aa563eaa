// How many seeds would have fooled you? Draws some of the recorded seeds and decides every claim from them, by the rules
// of labcode/study/outcomes.py and the intervals of labcode/study/statistics.py. tests/site/test_seeds.py compares.
"use strict";

const seedDraws = (function () {
  const [REPRODUCED, RIGHT_BUT_SMALL, OPEN, NO_DIFFERENCE, REVERSED_BUT_SMALL, REVERSED, PARTLY] = [0, 1, 2, 3, 4, 5, 6];
  const DRAWS = 1000;

  const rules = {
    directional(mean, low, high, margin) {
      if (low > 0) return mean >= margin ? REPRODUCED : RIGHT_BUT_SMALL;
      if (high < 0) return mean <= -margin ? REVERSED : REVERSED_BUT_SMALL;
      return low > -margin && high < margin ? NO_DIFFERENCE : OPEN;
    },
    slight(...found) {
      const outcome = rules.directional(...found);
      return outcome === RIGHT_BUT_SMALL ? REPRODUCED : outcome;
    },
    comparable(mean, low, high, margin) {
      if (low > -margin && high < margin) return REPRODUCED;
      return low >= margin || high <= -margin ? REVERSED : OPEN;
    },
    reached(mean, low, high, margin) {
      if (low > -margin) return REPRODUCED;
      return high <= -margin ? REVERSED : OPEN;
    },
    exists: (mean, low, high, margin) => (mean >= margin ? REPRODUCED : OPEN),
  };

  // Mean and 95% interval of the seeds at `places`; one seed stands for itself. `quantiles` are Student's, by seeds.
  // What exists once, such as a run that fails, is one number that every draw has.
  function interval({ values, overlap, shared }, places, quantiles) {
    const drawn = values.length === 1 ? values : places.map((place) => values[place]), n = drawn.length;
    const mean = drawn.reduce((sum, value) => sum + value, 0) / n;
    if (n === 1) return [mean, mean, mean];
    const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
    const error = Math.sqrt(variance * (1 / n + overlap) + shared ** 2);
    const half = error < 1e-12 ? 0 : quantiles[n] * error;
    return [mean, mean - half, mean + half];
  }

  const allHold = (outcomes) => Math.max(...outcomes);
  function inParts(outcomes) {
    const supported = outcomes.filter((outcome) => outcome <= RIGHT_BUT_SMALL).length;
    return supported > 0 && supported < outcomes.length ? PARTLY : allHold(outcomes);
  }

  // What each contrast of a claim says, and the claim.
  function decide(claim, places, quantiles) {
    const parts = claim.parts.map((contrasts) => contrasts.map((contrast) => {
      const found = interval(contrast, places, quantiles);
      return { contrast, found, outcome: rules[contrast.rule](...found, contrast.margin) };
    }));
    const outcome = inParts(parts.map((part) => allHold(part.map((each) => each.outcome))));
    return { outcome, contrasts: parts.flat() };
  }

  // A generator of equal draws everywhere: mulberry32.
  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  // `count` of the numbers below `seeds`, without replacement.
  function draw(seeds, count, next) {
    const places = Array.from({ length: seeds }, (_, place) => place);
    for (let i = 0; i < count; i += 1) {
      const j = i + Math.floor(next() * (seeds - i));
      [places[i], places[j]] = [places[j], places[i]];
    }
    return places.slice(0, count).sort((a, b) => a - b);
  }

  // All draws where there are at most a thousand, else a thousand of them.
  function draws(seeds, count) {
    const found = [];
    const extend = (taken, first) => {
      if (found.length > DRAWS) return;
      if (taken.length === count) found.push(taken);
      else for (let place = first; place < seeds; place += 1) extend([...taken, place], place + 1);
    };
    extend([], 0);
    if (found.length <= DRAWS) return found;
    const next = random(count);
    return Array.from({ length: DRAWS }, () => draw(seeds, count, next));
  }

  // The share of draws with each outcome, by its number.
  function shares(claim, count, quantiles) {
    const counted = new Array(PARTLY + 1).fill(0), found = draws(claim.seeds, Math.min(count, claim.seeds));
    for (const places of found) counted[decide(claim, places, quantiles).outcome] += 1 / found.length;
    return counted;
  }

  return { decide, draw, draws, random, shares, rules };
})();

(function () {
  const box = document.querySelector(".seeds");
  if (!box) return;
  const { claims, outcomes, quantiles } = JSON.parse(box.querySelector(".seeds-data").textContent);
  const find = (name) => box.querySelector(`.seeds-${name}`);
  const chooser = find("claim"), slider = find("count"), status = find("status");
  const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(100 * share)}%`);
  let turn = 1, rest;

  function make(tag, attributes = {}, ...children) {
    const svg = ["svg", "rect", "line", "circle", "text", "g"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const kind = (outcome) => `verdict-${outcomes[outcome].words.replaceAll(" ", "-")}`;
  const badge = (outcome, words = outcomes[outcome].words) => make("span", { class: `verdict ${kind(outcome)}` }, words);
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

  // A contrast: its margin, every seed as a dot, those drawn filled, their mean with its interval.
  function strip({ contrast, found: [mean, low, high], outcome }, places) {
    const { values, margin, name, unit } = contrast, ends = [...values, margin, -margin];
    if (values.length === 1) return make("li", {}, `${name}: `, make("b", {}, String(mean)));
    const [least, most] = [Math.min(...ends), Math.max(...ends)];
    const at = (value) => `${(4 + 92 * Math.min(1, Math.max(0, (value - least) / (most - least)))).toFixed(2)}%`;
    const dots = values.map((value, place) => make("circle", {
      cx: at(value), cy: "70%", r: places.includes(place) ? 5 : 3, class: places.includes(place) ? "seeds-drawn" : "seeds-left",
    }));
    dots.sort((a, b) => a.getAttribute("r") - b.getAttribute("r")); // those drawn on top
    const picture = make("svg", { "aria-hidden": "true", focusable: "false" },
      make("rect", { class: "forest-margin", x: at(-margin), width: `${parseFloat(at(margin)) - parseFloat(at(-margin))}%`, height: "100%" }),
      make("line", { class: "forest-zero", x1: at(0), x2: at(0), y1: 0, y2: "100%" }), ...dots,
      make("g", { class: `forest-mark ${kind(outcome)}` },
        make("line", { class: "forest-line", x1: at(low), x2: at(high), y1: "28%", y2: "28%" }),
        make("circle", { cx: at(mean), cy: "28%", r: 8 }),
        make("text", { x: at(mean), y: "28%" }, outcomes[outcome].sign)));
    const interval = places.length > 1 ? ` (${signed(low)} to ${signed(high)})` : "";
    return make("li", {}, make("span", {}, `${name}: `, make("b", {}, signed(mean)), `${interval} ${unit}`), picture);
  }

  // The outcomes that come, with their shares, in the order of the book's tables.
  const listed = (shares) => shares.map((share, outcome) => ({ share, outcome })).filter(({ share }) => share)
    .sort((a, b) => outcomes[a.outcome].rank - outcomes[b.outcome].rank);

  // Shares as one bar, and in words.
  function bar(shares, told) {
    let from = 0;
    const pieces = listed(shares).map(({ share, outcome }) => {
      from += share;
      return make("rect", { class: kind(outcome), x: `${100 * (from - share)}%`, width: `${100 * share}%`, height: "100%" });
    });
    const words = listed(shares).map(({ share, outcome }) => badge(outcome, `${percent(share)} ${outcomes[outcome].words}`));
    return [make("p", {}, told, ...words), make("svg", { "aria-hidden": "true", focusable: "false" }, ...pieces)];
  }

  function show() {
    const claim = claims[chooser.selectedIndex], count = Math.min(Number(slider.value), claim.seeds);
    slider.max = claim.seeds;
    slider.setAttribute("aria-valuetext", `${count} of ${claim.seeds} seeds`);
    find("number").textContent = `${count} of ${claim.seeds}`;
    const places = seedDraws.draw(claim.seeds, count, seedDraws.random(1000 * turn + count));
    const { outcome, contrasts } = seedDraws.decide(claim, places, quantiles);
    const those = count === 1 ? "One seed, as the lab seems to have had, says " : `These ${count} seeds say `;
    find("says").textContent = claim.says;
    find("outcome").replaceChildren(those, badge(outcome), `. All ${claim.seeds} say `, badge(claim.outcome), ".");
    find("contrasts").replaceChildren(...contrasts.map((each) => strip(each, places)));
    // What takes longer, and what is announced, waits until the slider rests.
    clearTimeout(rest);
    rest = setTimeout(() => {
      const shares = seedDraws.shares(claim, count, quantiles), drawn = seedDraws.draws(claim.seeds, count).length;
      const told = `Of ${drawn} ${drawn === 1 ? "draw" : "draws"} of ${count} ${count === 1 ? "seed" : "seeds"}:`;
      const words = listed(shares).map((each) => `${percent(each.share)} ${outcomes[each.outcome].words}`);
      find("shares").replaceChildren(...bar(shares, told));
      status.textContent = `${claim.id}: this draw says ${outcomes[outcome].words}. ${told} ${words.join(", ")}.`;
      tabulate(count);
    }, 300);
  }

  function tabulate(count) {
    find("caption").textContent = `How often ${count === 1 ? "one seed says" : `${count} seeds say`} what all seeds say`;
    box.querySelectorAll(".seeds-table tbody tr").forEach((row, number) => {
      const shares = seedDraws.shares(claims[number], count, quantiles), same = claims[number].outcome;
      const open = shares[2], another = 1 - shares[same] - (same === 2 ? 0 : open);
      const cells = [shares[same], Math.max(0, another), same === 2 ? null : open];
      cells.forEach((share, column) => { row.cells[column + 2].textContent = share === null ? "" : percent(share); });
    });
  }

  chooser.addEventListener("change", show);
  slider.addEventListener("input", show);
  find("again").addEventListener("click", () => { turn += 1; show(); });
  show();
})();
