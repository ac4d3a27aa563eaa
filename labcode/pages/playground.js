// Softmax with sliders: recomputes the formulas of labcode/pages/playground.py whenever a slider moves.
(function () {
  "use strict";
  const script = document.currentScript; // null in a notebook
  const box = script ? script.closest(".softmax-playground") : document.querySelector(".softmax-playground");
  const beta = box.querySelector(".softmax-beta input");
  const rows = Array.from(box.querySelectorAll(".softmax-input"));
  const cells = Array.from(box.querySelectorAll(".softmax-jacobian td"));
  const status = box.querySelector("[role=status]");
  const names = rows.map((row, i) => "p" + "₁₂₃₄₅₆₇₈₉"[i]);
  let rest;

  // The lab's softmax, exp(-βX_i) / Σ_k exp(-βX_k); subtracting the largest exponent avoids overflow.
  function softmax(b, x) {
    const exponents = x.map((value) => -b * value);
    const top = Math.max(...exponents);
    const weights = exponents.map((z) => Math.exp(z - top));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  }

  // ∂p_i/∂X_j = -β p_i (δ_ij - p_j), row by row.
  function jacobian(b, p) {
    return p.flatMap((pi, i) => p.map((pj, j) => -b * pi * ((i === j ? 1 : 0) - pj)));
  }

  const percent = (share) => (100 * share).toFixed(2) + "%";

  function signed(value) {
    const digits = Math.abs(value).toFixed(4);
    return Number(digits) === 0 ? digits : (value < 0 ? "−" : "+") + digits;
  }

  function summary(b, p) {
    const top = Math.max(...p);
    const winners = names.filter((_, i) => top - p[i] < 1e-9);
    const those = winners.length === p.length ? "all" : winners.join(" and ");
    return `β is ${b}. The largest probability is ${percent(top)}, of ${those}.`;
  }

  function draw() {
    const b = Number(beta.value);
    const x = rows.map((row) => Number(row.querySelector("input").value));
    const p = softmax(b, x);
    const entries = jacobian(b, p);
    const largest = Math.max(...entries.map(Math.abs)) || 1;
    box.querySelector(".softmax-beta .softmax-value").textContent = b;
    rows.forEach((row, i) => {
      row.querySelector(".softmax-value").textContent = x[i];
      row.querySelector(".softmax-bar").style.width = percent(p[i]);
      row.querySelector(".softmax-share").textContent = percent(p[i]);
    });
    cells.forEach((cell, place) => {
      cell.textContent = signed(entries[place]);
      cell.className = entries[place] < 0 ? "negative" : "positive";
      cell.style.setProperty("--strength", (Math.abs(entries[place]) / largest).toFixed(2));
    });
    // Announced once the slider stops, not at every position.
    clearTimeout(rest);
    rest = setTimeout(() => (status.textContent = summary(b, p)), 400);
  }

  box.addEventListener("input", draw);
})();
