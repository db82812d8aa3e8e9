// Sorting, filtering, theme and permalinks. Without it the pages stay as the server rendered them.
// The state stands in location.hash as #g=<group>&q=<words>&<table id>=<column><u|d>; a hash without "=" is an anchor.
"use strict";

const storedTheme = () => {
  try {
    return localStorage.getItem("glotbench-theme");
  } catch {
    return null;
  }
};
if (storedTheme()) document.documentElement.dataset.theme = storedTheme();

document.addEventListener("DOMContentLoaded", () => {
  const collator = new Intl.Collator("en", { numeric: true });
  const tables = [...document.querySelectorAll("table[data-sortable]")];
  const input = document.getElementById("q");
  const select = document.getElementById("g");
  const sorted = new Map();

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const text = (cell) => cell.dataset.v ?? cell.textContent.trim();
  const number = (cell) => Number.parseFloat(text(cell).replace("\u2212", "-"));

  // ---- sorting -------------------------------------------------------------------------------------------------
  const heads = (table) => [...table.tHead.rows[0].cells];

  function sort(table, column, direction) {
    const kind = heads(table)[column].dataset.sort;
    const sign = direction === "d" ? -1 : 1;
    const rows = [...table.tBodies[0].rows].map((row) => {
      const cell = row.cells[column];
      return { row, key: kind === "text" ? cell.textContent.trim() : number(cell) };
    });
    rows.sort((a, b) => {
      if (kind === "text") return sign * collator.compare(a.key, b.key);
      const missing = Number.isNaN(a.key) - Number.isNaN(b.key);
      return missing || sign * (a.key - b.key) || 0;
    });
    table.tBodies[0].replaceChildren(...rows.map(({ row }) => row));
    heads(table).forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", direction === "d" ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    table.classList.add("sorted");
  }

  function sortByClick(table, column) {
    const head = heads(table)[column];
    const first = head.dataset.sort === "down" ? "d" : "u";
    const now = head.getAttribute("aria-sort");
    const next = now === null ? first : now === "ascending" ? "d" : "u";
    sort(table, column, next);
    sorted.set(table.id, `${column}${next}`);
    save();
  }

  function makeSortable(table) {
    heads(table).forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortByClick(table, column));
      head.append(button);
    });
  }
  tables.forEach(makeSortable);

  // ---- filtering -----------------------------------------------------------------------------------------------
  const filtered = tables.filter((table) => table.dataset.filter !== undefined);
  const group = () => select?.value ?? "";

  function filter() {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    const shown = new Set();
    const all = new Set();
    for (const table of filtered) {
      for (const row of table.tBodies[0].rows) {
        const { k: keys, g: groups = "" } = row.dataset;
        row.hidden = !words.every((word) => keys.includes(word)) || (group() && !groups.split(" ").includes(group()));
        all.add(keys);
        if (!row.hidden) shown.add(keys);
      }
      if (table.tFoot) means(table, words.length > 0);
    }
    const said = [];
    if (words.length || group()) said.push(`${shown.size} of ${all.size} rows shown`);
    if (group() && standings.length) said.push("the rankings below are over this group only");
    else if (words.length && standings.length) said.push("the rankings stay over all languages");
    document.getElementById("hits").textContent = said.join("; ");
    document.getElementById("clear").hidden = !said.length;
  }

  // The last row is the mean over the languages shown that all ranked models have: of a whole group as it was computed
  // from the unrounded scores, of rows found by words from the rounded ones.
  const overall = new Map();

  function means(table, byWords) {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden && row.dataset.c !== undefined);
    const known = group() && !byWords ? computed.get(`${table.id.slice(0, -2)} ${group()}`)?.means : undefined;
    [...table.tFoot.rows[0].cells].forEach((cell, column) => {
      if (!overall.has(cell)) overall.set(cell, { nodes: [...cell.childNodes], ranked: !cell.querySelector(".no") });
      const { nodes, ranked } = overall.get(cell);
      if ((!byWords && !group()) || !ranked) cell.replaceChildren(...nodes);
      else if (column === 0) cell.textContent = `Mean of the ${rows.length} shown`;
      else if (known) cell.textContent = known[column - 1] ?? "\u2013";
      else {
        const sum = rows.reduce((total, row) => total + number(row.cells[column]), 0);
        const mean = (sum / rows.length).toFixed(Number(table.dataset.digits));
        cell.textContent = rows.length ? mean.replace("-", "\u2212") : "\u2013";
      }
    });
  }

  // ---- rankings over a group: the server made them, a script per ranking and group brings one ---------------------
  const standings = [...document.querySelectorAll(".standings")].map((box) => ({ box, nodes: [...box.childNodes] }));
  const computed = new Map();

  window.glotbenchGroup = (metric, name, markup, ofModels) => {
    computed.set(`${metric} ${name}`, { markup, means: ofModels });
    if (name === group()) rank();
  };

  function rank() {
    for (const { box, nodes } of standings) {
      const { metric, groups } = box.dataset;
      const found = computed.get(`${metric} ${group()}`);
      box.classList.toggle("part", group() !== "");
      if (!group()) box.replaceChildren(...nodes);
      else if (!groups.split(" ").includes(group())) say(box, "No language of this group here.");
      else if (found) {
        box.innerHTML = found.markup;
        const table = box.querySelector("table");
        makeSortable(table);
        if (sorted.has(table.id)) sortAsSaved(table, sorted.get(table.id));
      } else {
        const script = document.createElement("script");
        script.src = `g/${metric}-${group()}.js`;
        script.onerror = () => say(box, "The ranking over this group could not be loaded.");
        document.head.append(script);
      }
    }
    filter();
  }

  function say(box, words) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = words;
    box.replaceChildren(note);
  }

  if (input) {
    input.closest(".tools").hidden = false;
    input.addEventListener("input", () => {
      filter();
      save();
    });
    select?.addEventListener("change", () => {
      rank();
      save();
    });
    document.getElementById("clear").addEventListener("click", () => {
      input.value = "";
      if (select) select.value = "";
      rank();
      save();
      input.focus();
    });
  }

  // ---- permalink -----------------------------------------------------------------------------------------------
  function save() {
    // What other scripts of the page keep there stays.
    const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    for (const [name, value] of [["g", group()], ["q", input?.value]]) {
      if (value) state.set(name, value);
      else state.delete(name);
    }
    for (const [id, value] of sorted) state.set(id, value);
    history.replaceState(null, "", `#${state}`);
  }

  function sortAsSaved(table, value) {
    const match = /^(\d+)([ud])$/.exec(value);
    if (!match || !heads(table)[match[1]]?.dataset.sort) return;
    sort(table, Number(match[1]), match[2]);
    sorted.set(table.id, value);
  }

  function restore() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return;
    const state = new URLSearchParams(hash);
    for (const table of tables) if (state.has(table.id)) sortAsSaved(table, state.get(table.id));
    if (!input) return;
    input.value = state.get("q") ?? "";
    if (select) select.value = state.get("g") ?? "";
    if (select?.selectedIndex === -1) select.value = "";
    rank();
  }

  restore();
  addEventListener("hashchange", restore);

  // ---- theme ---------------------------------------------------------------------------------------------------
  const theme = document.getElementById("theme");
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const name = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Use the ${dark() ? "light" : "dark"} theme`);
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("glotbench-theme", document.documentElement.dataset.theme);
    } catch {
      // A browser that stores nothing keeps the theme for this page.
    }
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
});
