// The exercises that this reader has answered, kept in this browser, and their marks in the book's contents.
"use strict";
const answers = (function () {
  const KEY = "book-answers"; // {"backprop/logistic": {"right": ["logistic-tanh"], "of": 3}, ...}
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(KEY)) || {}; } catch { /* storage is blocked: this page alone remembers */ }

  function keep() {
    try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* as above */ }
    mark();
  }

  // One sign per chapter; screen readers read it in words.
  function mark() {
    document.querySelectorAll(".answers-mark").forEach((mark) => mark.remove());
    document.querySelectorAll(".bd-sidebar-primary a.reference.internal").forEach((link) => {
      const [chapter] = Object.keys(kept).filter((name) => new URL(link.href).pathname.endsWith(`/${name}.html`));
      if (!chapter) return;
      const { right, of } = kept[chapter];
      const mark = Object.assign(document.createElement("span"), { className: "answers-mark" });
      mark.innerHTML = `<span aria-hidden="true">✓ ${right.length}/${of}</span>` +
        `<span class="answers-words">, ${right.length} of ${of} exercises answered</span>`;
      link.append(mark);
    });
  }

  document.addEventListener("DOMContentLoaded", mark);
  return {
    any: () => Object.keys(kept).length > 0,
    has: (chapter, label) => Boolean(kept[chapter]?.right.includes(label)),
    add(chapter, label, of) {
      const right = new Set(kept[chapter]?.right).add(label);
      kept[chapter] = { right: [...right], of };
      keep();
    },
    clear() {
      kept = {};
      keep();
    },
  };
})();
