// Finding segments of a page by words and by label. The state stands in location.hash beside what table.js keeps there:
// #q=<words>&f=<label>&d=0 (hypotheses without differences).
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const input = document.getElementById("find");
  if (!input) return;
  const select = document.getElementById("flag");
  const plain = document.getElementById("plain");
  const clear = document.getElementById("all");
  const rows = [...document.querySelectorAll("#segments tbody tr")];
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = new Map();

  function text(row) {
    if (!texts.has(row)) texts.set(row, fold(words(row)));
    return texts.get(row);
  }

  // The texts of a row: hypotheses as they are, so without what only the reference has.
  function words(row) {
    const copy = row.cloneNode(true);
    for (const extra of copy.querySelectorAll("del, summary, .alike, .ctl, .num")) extra.remove();
    return [...copy.cells].map((cell) => cell.textContent).join("\n");
  }

  function filter() {
    const wanted = fold(input.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const flagged = !select.value || (row.dataset.f ?? "").split(" ").includes(select.value);
      row.hidden = !flagged || !wanted.every((word) => text(row).includes(word));
      shown += !row.hidden;
    }
    const active = wanted.length > 0 || select.value !== "";
    document.getElementById("found").textContent = active ? `${shown} of ${rows.length} segments of this page shown` : "";
    clear.hidden = !active;
  }

  const hash = () => (location.hash.includes("=") ? location.hash.slice(1) : "");

  function save() {
    const state = new URLSearchParams(hash());
    const own = { q: input.value, f: select.value, d: plain?.checked ? "0" : "" };
    for (const [key, value] of Object.entries(own)) {
      if (value) state.set(key, value);
      else state.delete(key);
    }
    history.replaceState(null, "", `#${state}`);
  }

  function restore() {
    if (hash()) {
      const state = new URLSearchParams(hash());
      input.value = state.get("q") ?? "";
      select.value = state.get("f") ?? "";
      if (select.selectedIndex === -1) select.value = "";
      if (plain) plain.checked = state.get("d") === "0";
    } else if (document.querySelector("#segments tr:target[hidden]")) {
      input.value = "";
      select.value = "";
    }
    filter();
  }

  function change() {
    filter();
    save();
  }

  input.closest(".tools").hidden = false;
  input.addEventListener("input", change);
  select.addEventListener("change", change);
  plain?.addEventListener("change", save);
  clear.addEventListener("click", () => {
    input.value = "";
    select.value = "";
    change();
    input.focus();
  });
  restore();
  addEventListener("hashchange", restore);
});
