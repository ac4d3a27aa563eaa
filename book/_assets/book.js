/* What the theme's scripts leave open. */
"use strict";

// The search shows a few lines of each page that it finds, which it must fetch; a page opened from a file cannot.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// What is folded on the screen is unfolded on paper, and folded again afterwards.
(function () {
  let opened = [];
  addEventListener("beforeprint", function () {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (details) { details.open = true; });
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (details) { details.open = false; });
    opened = [];
  });
})();

// The theme lets the keyboard reach code that scrolls, as measured when the page loads: measure again what was
// folded then. The theme listens to the window's size.
document.addEventListener("toggle", function () { dispatchEvent(new Event("resize")); }, true);
document.addEventListener("click", function (event) {
  if (event.target.closest(".toggle-button, .toggle")) { dispatchEvent(new Event("resize")); }
});

// The same for figures that are wider than a phone.
function letTheKeyboardReachFigures() {
  document.querySelectorAll(".bd-article figure:has(> img)").forEach(function (figure) {
    if (figure.scrollWidth > figure.clientWidth) { figure.tabIndex = 0; } else { figure.removeAttribute("tabindex"); }
  });
}
["DOMContentLoaded", "resize"].forEach(function (event) { addEventListener(event, letTheKeyboardReachFigures); });
