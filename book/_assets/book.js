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

// The same for figures and tables that are wider than a phone. What the keyboard reaches needs a name: a figure has one.
function letTheKeyboardReach(box) {
  if (box.scrollWidth > box.clientWidth) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
}
function letTheKeyboardReachWhatScrolls() {
  document.querySelectorAll(".bd-article figure:has(> img)").forEach(letTheKeyboardReach);
  document.querySelectorAll(".bd-article .pst-scrollable-table-container").forEach(function (box, number) {
    letTheKeyboardReach(box);
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Table " + (number + 1) + " of this page");
  });
}
["DOMContentLoaded", "resize"].forEach(function (event) { addEventListener(event, letTheKeyboardReachWhatScrolls); });
