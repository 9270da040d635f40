// Placing devices: a press on the plan fills in where it was. Without it one types per cents.
"use strict";

(() => {
  const plan = document.getElementById("floor"), form = document.getElementById("place");
  const aim = document.getElementById("aim");
  if (!plan || !form) return;

  function show() {
    const x = Number(form.elements.x.value), y = Number(form.elements.y.value);
    const box = plan.viewBox.baseVal, typed = form.elements.x.value !== "" && form.elements.y.value !== "";
    aim.setAttribute("visibility", typed ? "visible" : "hidden");
    aim.setAttribute("transform", `translate(${(x / 100) * box.width} ${(y / 100) * box.height})`);
  }

  plan.addEventListener("click", (event) => {
    event.preventDefault(); // a marker is a link: here it is a place
    const box = plan.getBoundingClientRect();
    const share = (at, start, size) => Math.min(Math.max(((at - start) / size) * 100, 0), 100).toFixed(2);
    const marker = event.target.closest("a");
    if (marker) form.elements.device.value = marker.id.replace("spot-", "");
    else {
      form.elements.x.value = share(event.clientX, box.left, box.width);
      form.elements.y.value = share(event.clientY, box.top, box.height);
    }
    show();
  });
  form.addEventListener("input", show);
  show();
})();
