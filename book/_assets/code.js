// The switch "Show code" opens and folds all code of a page, and remembers the choice in this browser.
"use strict";

function switchCode(shown = !codeIsShown()) {
  document.querySelectorAll("details.hide.above-input").forEach(function (details) { details.open = shown; });
  document.querySelector(".btn-code-switch").setAttribute("aria-pressed", shown);
  try { localStorage.setItem("show-code", shown); } catch { /* storage is forbidden: nothing is remembered */ }
}

function codeIsShown() {
  return document.querySelector(".btn-code-switch").getAttribute("aria-pressed") === "true";
}

document.addEventListener("DOMContentLoaded", function () {
  if (!document.querySelector(".btn-code-switch")) { return; }
  let shown = false;
  try { shown = localStorage.getItem("show-code") === "true"; } catch { /* as above */ }
  switchCode(shown);
});
