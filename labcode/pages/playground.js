// Formulas with sliders: recomputes the formulas of labcode/pages/playground.py whenever a slider moves.
(function () {
  "use strict";
  const script = document.currentScript; // null in a notebook
  const box = script ? script.closest(".playground") : [...document.querySelectorAll(".playground")].pop();
  const sliders = Array.from(box.querySelectorAll("input"));
  const values = Array.from(box.querySelectorAll(".playground-value"));
  const bars = Array.from(box.querySelectorAll(".playground-bar"));
  const shares = Array.from(box.querySelectorAll(".playground-share"));
  const cells = Array.from(box.querySelectorAll(".softmax-jacobian td"));
  const status = box.querySelector("[role=status]");
  let rest;

  const percent = (share) => (100 * share).toFixed(2) + "%";

  function signed(value) {
    const digits = Math.abs(value).toFixed(4);
    return Number(digits) === 0 ? digits : (value < 0 ? "−" : "+") + digits;
  }

  // Each formula takes the sliders' values and returns the lengths of the bars, the summary, and the cells of a table.
  const formulas = {
    logistic([x]) {
      const out = 1 / (1 + Math.exp(-x)), passes = (1 - out) * out;
      return {
        shares: [out, 1 - out, passes],
        summary: `The input is ${x}. The output is ${percent(out)}, and ${percent(passes)} of the error passes.`,
      };
    },

    // (a_k / y)^(P - 1), with the largest pixel divided out, so that no power is rounded to 0.
    pooling([P, ...pixels]) {
      const parts = pixels.map((a) => a / (Math.max(...pixels) || 1));
      const norm = parts.reduce((sum, part) => sum + part ** P, 0) ** (1 / P);
      const shares = parts.map((part) => (part ? (part / norm) ** (P - 1) : 0));
      const ends = [Math.min(...shares), Math.max(...shares)].map(percent).join(" to ");
      return {shares, summary: `P is ${P}. The pixels get from ${ends} of the error.`};
    },

    // The lab's softmax, exp(-βX_i) / Σ_k exp(-βX_k); subtracting the largest exponent avoids overflow.
    // Its Jacobian is ∂p_i/∂X_j = -β p_i (δ_ij - p_j), row by row.
    softmax([b, ...inputs]) {
      const exponents = inputs.map((x) => -b * x);
      const weights = exponents.map((z) => Math.exp(z - Math.max(...exponents)));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const p = weights.map((weight) => weight / total), top = Math.max(...p);
      const winners = p.map((share, i) => "p" + "₁₂₃₄₅₆₇₈₉"[i]).filter((_, i) => top - p[i] < 1e-9);
      const those = winners.length === p.length ? "all" : winners.join(" and ");
      return {
        shares: p,
        summary: `β is ${b}. The largest probability is ${percent(top)}, of ${those}.`,
        cells: p.flatMap((pi, i) => p.map((pj, j) => -b * pi * ((i === j ? 1 : 0) - pj))),
      };
    },
  };

  function draw() {
    const at = sliders.map((slider) => Number(slider.value));
    const found = formulas[box.dataset.formula](at);
    values.forEach((value, i) => { value.textContent = at[i]; });
    bars.forEach((bar, i) => { bar.style.width = shares[i].textContent = percent(found.shares[i]); });
    const largest = Math.max(...cells.map((_, i) => Math.abs(found.cells[i]))) || 1;
    cells.forEach((cell, i) => {
      cell.textContent = signed(found.cells[i]);
      cell.className = found.cells[i] < 0 ? "negative" : "positive";
      cell.style.setProperty("--strength", (Math.abs(found.cells[i]) / largest).toFixed(2));
    });
    // Announced once the slider stops, not at every position.
    clearTimeout(rest);
    rest = setTimeout(() => (status.textContent = found.summary), 400);
  }

  box.addEventListener("input", draw);
})();
