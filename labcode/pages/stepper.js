// Steps through a drawing from labcode/pages/stepper.py, which contains every number: hides those of later steps.
(function () {
  "use strict";
  const script = document.currentScript; // null in a notebook
  const box = script ? script.closest(".stepper") : document.querySelector(".stepper:not(.live)");
  const controls = box.querySelector(".stepper-controls");
  const [back, next] = controls.querySelectorAll("button");
  const slider = controls.querySelector("input");
  const status = box.querySelector("[role=status]");
  const steps = Array.from(box.querySelectorAll("li"));
  const last = steps.length - 1;

  function show(step) {
    box.querySelectorAll("[data-step]").forEach((part) => {
      const begins = Number(part.dataset.step);
      part.classList.toggle("later", begins > step);
      part.classList.toggle("now", begins === step || Number(part.dataset.back) === step);
    });
    steps.forEach((item, i) => (i === step ? item.setAttribute("aria-current", "step") : item.removeAttribute("aria-current")));
    slider.value = step;
    slider.setAttribute("aria-valuetext", `Step ${step} of ${last}`);
    back.setAttribute("aria-disabled", step === 0);
    next.setAttribute("aria-disabled", step === last);
    status.textContent = `Step ${step} of ${last}. ${steps[step].textContent}`;
  }

  function move(by) {
    show(Math.min(Math.max(Number(slider.value) + by, 0), last));
  }

  back.addEventListener("click", () => move(-1));
  next.addEventListener("click", () => move(1));
  slider.addEventListener("input", () => move(0));
  // The slider handles arrow keys itself; make them work on the buttons too.
  controls.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && event.target !== slider) move(by);
  });

  box.classList.add("live");
  controls.hidden = false;
  box.querySelector("details").open = false;
  show(0);
})();
