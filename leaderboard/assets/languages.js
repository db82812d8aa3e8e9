// The tiles of the languages' index: which task and whose scores tint them. Without it the first task stays, by the
// best model. The state stands in location.hash as t=<task>&m=<model>, beside what table.js keeps there.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const task = document.getElementById("tile-task");
  if (!task) return;
  const model = document.getElementById("tile-model");
  const tiles = [...document.querySelectorAll(".tile")];
  const steps = 10;
  const states = { n: ["hn", "not run"], x: ["hx", "\u2013"], p: ["ho", "pivot"], "": ["ho", ""] };
  const put = (id, text) => {
    document.getElementById(id).textContent = text;
  };
  const shown = (text) => text.replace("-", "\u2212");

  function draw() {
    const { what, dir, up, digits, ends, all } = task.selectedOptions[0].dataset;
    const column = model ? model.selectedIndex : 0;
    const [low, high] = (column ? all : ends).split(" ").map(Number);
    const step = (value) => {
      const share = high > low ? (value - low) / (high - low) : 0.5;
      return Math.max(0, Math.min(steps - 1, Math.floor((up === "1" ? share : 1 - share) * steps)));
    };
    for (const tile of tiles) {
      const part = tile.dataset.v.split("|")[task.selectedIndex];
      const scores = part.split(",");
      const own = part in states ? part : scores[column] || "x";
      const [name, text] = states[own] ?? [`h${step(Number(own))}`, shown(own)];
      tile.className = `tile ${name}`;
      tile.querySelector(".tv").textContent = text;
    }
    const [worst, best] = up === "1" ? [low, high] : [high, low];
    put("tile-what", what);
    put("tile-dir", dir);
    put("tile-who", model?.selectedOptions[0].textContent ?? "the best model of each language");
    put("tile-low", shown(worst.toFixed(Number(digits))));
    put("tile-high", shown(best.toFixed(Number(digits))));
  }

  function save() {
    const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    for (const [name, value] of [["t", task.selectedIndex ? task.value : ""], ["m", model?.value]]) {
      if (value) state.set(name, value);
      else state.delete(name);
    }
    history.replaceState(null, "", `#${state}`);
  }

  function choose(select, value) {
    select.value = value ?? "";
    if (select.selectedIndex === -1) select.selectedIndex = 0;
  }

  function restore() {
    const state = new URLSearchParams(location.hash.slice(1));
    choose(task, state.get("t"));
    if (model) choose(model, state.get("m"));
    draw();
  }

  for (const select of [task, model].filter(Boolean)) {
    select.addEventListener("change", () => {
      draw();
      save();
    });
  }
  document.getElementById("tile-tools").hidden = false;
  restore();
  addEventListener("hashchange", restore);
});
