// Keys go from slide to slide; touch and the wheel scroll, and the style sheet stops at each slide.
const slides = [...document.querySelectorAll("section")];
const forward = ["ArrowRight", "ArrowDown", "PageDown", " ", "Enter"];
const back = ["ArrowLeft", "ArrowUp", "PageUp", "Backspace"];
const here = () => slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("a")) return;
  let place = here();
  if (back.includes(event.key) || (event.key === " " && event.shiftKey)) place -= 1;
  else if (forward.includes(event.key)) place += 1;
  else if (event.key === "Home") place = 0;
  else if (event.key === "End") place = slides.length - 1;
  else return;
  event.preventDefault();
  slides[Math.min(Math.max(place, 0), slides.length - 1)].scrollIntoView();
});
addEventListener("scrollend", () => history.replaceState(null, "", `#${slides[here()].id}`));
