// Sorting, filtering, theme and permalinks. Without it the pages stay as the server rendered them.
// The state stands in location.hash as #q=<filter>&<table id>=<column><u|d>; a hash without "=" is a plain anchor.
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
  const byId = new Map(tables.map((table) => [table.id, table]));
  const input = document.getElementById("q");
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

  for (const table of tables) {
    heads(table).forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortByClick(table, column));
      head.append(button);
    });
  }

  // ---- filtering -----------------------------------------------------------------------------------------------
  const filtered = tables.filter((table) => table.dataset.filter !== undefined);

  function filter(query) {
    const words = fold(query).split(/\s+/).filter(Boolean);
    const shown = new Set();
    const all = new Set();
    for (const table of filtered) {
      for (const row of table.tBodies[0].rows) {
        const keys = row.dataset.k;
        row.hidden = !words.every((word) => keys.includes(word));
        all.add(keys);
        if (!row.hidden) shown.add(keys);
      }
      if (table.tFoot) means(table, words.length > 0);
    }
    const where = filtered.some((table) => table.tFoot) ? "; their mean is the last row of each table" : "";
    document.getElementById("hits").textContent = words.length ? `${shown.size} of ${all.size} shown${where}` : "";
    document.getElementById("clear").hidden = words.length === 0;
  }

  // The last row is the mean over the languages shown that all ranked models have.
  const overall = new Map();

  function means(table, active) {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden && row.dataset.c !== undefined);
    [...table.tFoot.rows[0].cells].forEach((cell, column) => {
      if (!overall.has(cell)) overall.set(cell, { nodes: [...cell.childNodes], ranked: !cell.querySelector(".no") });
      const { nodes, ranked } = overall.get(cell);
      if (!active || !ranked) cell.replaceChildren(...nodes);
      else if (column === 0) cell.textContent = `Mean of the ${rows.length} shown`;
      else {
        const sum = rows.reduce((total, row) => total + number(row.cells[column]), 0);
        const mean = (sum / rows.length).toFixed(Number(table.dataset.digits));
        cell.textContent = rows.length ? mean.replace("-", "\u2212") : "\u2013";
      }
    });
  }

  if (input) {
    input.closest(".tools").hidden = false;
    input.addEventListener("input", () => {
      filter(input.value);
      save();
    });
    document.getElementById("clear").addEventListener("click", () => {
      input.value = "";
      filter("");
      save();
      input.focus();
    });
  }

  // ---- permalink -----------------------------------------------------------------------------------------------
  function save() {
    const state = new URLSearchParams();
    if (input?.value) state.set("q", input.value);
    for (const [id, value] of sorted) state.set(id, value);
    history.replaceState(null, "", `#${state}`);
  }

  function restore() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return;
    const state = new URLSearchParams(hash);
    for (const [id, value] of state) {
      const table = byId.get(id);
      const match = /^(\d+)([ud])$/.exec(value);
      if (!table || !match || !heads(table)[match[1]]?.dataset.sort) continue;
      sort(table, Number(match[1]), match[2]);
      sorted.set(id, value);
    }
    if (input) {
      input.value = state.get("q") ?? "";
      filter(input.value);
    }
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
