/* Additions to the theme's scripts. */
"use strict";

// To show a few lines of each page that it finds, the search would have to fetch it; pages opened from a disk cannot.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// Unfold everything for printing, and fold it again afterwards.
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

// A link to something folded unfolds it: a solution, an equation or a cell within one, a quiz.
function unfold(target) {
  for (let box = target; box; box = box.parentElement) {
    if (box.localName === "details") { box.open = true; }
    if (box.classList.contains("toggle-hidden")) { box.querySelector(".toggle-button").click(); }
  }
}
function unfoldTheTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("details, .toggle")) {
    unfold(target);
    target.scrollIntoView({ behavior: "instant" });
  }
}
addEventListener("hashchange", unfoldTheTarget);
// Other scripts fold solutions and code at the same event: come after them.
addEventListener("DOMContentLoaded", function () { setTimeout(unfoldTheTarget); });
// Following a link to where one is already changes no hash.
document.addEventListener("click", function (event) {
  const link = event.target.closest("a[href]");
  if (link && link.hash && link.href === location.href) { unfoldTheTarget(); }
});

// When a page loads, the theme lets the keyboard reach code that scrolls. Make it measure again what was folded then:
// it listens to changes of the window's size.
document.addEventListener("toggle", function () { dispatchEvent(new Event("resize")); }, true);
document.addEventListener("click", function (event) {
  if (event.target.closest(".toggle-button, .toggle")) { dispatchEvent(new Event("resize")); }
});

// The same for figures and tables wider than the screen. Whatever the keyboard reaches needs a name; figures have one.
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
