// Sorting, filtering, theme and permalinks. Without it the pages stay as the server rendered them.
// The state stands in location.hash as #g=<group>&q=<words>&without=<tasks>&theme=<light|dark>&<table id>=<column><u|d>; a hash without "=" is an anchor.
"use strict";

const storedTheme = () => {
  try {
    return localStorage.getItem("glotbench-theme");
  } catch {
    return null;
  }
};
const linkedTheme = () => /[#&]theme=(light|dark)\b/.exec(location.hash)?.[1];
let chosenTheme = linkedTheme() ?? "";
if (chosenTheme || storedTheme()) document.documentElement.dataset.theme = chosenTheme || storedTheme();

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
      if (head.querySelector("a")) {
        // A link cannot stand in a button: the button follows it.
        button.className = "sorter";
        button.setAttribute("aria-label", `Sort by ${head.textContent.trim()}`);
      } else button.append(...head.childNodes);
      button.addEventListener("click", () => sortByClick(table, column));
      head.append(button);
    });
  }
  tables.forEach(makeSortable);

  // ---- filtering -----------------------------------------------------------------------------------------------
  const filtered = tables.filter((table) => table.dataset.filter !== undefined);
  const keysOf = new Map();

  // What a row is found by stands in the first row of its language, in the order of the server.
  for (const table of filtered) {
    let keys = "";
    let groups = "";
    for (const row of table.tBodies[0].rows) {
      if (row.dataset.k !== undefined) ({ k: keys, g: groups = "" } = row.dataset);
      keysOf.set(row, { keys, groups });
    }
  }
  const found = (row) => keysOf.get(row);
  const group = () => select?.value ?? "";

  function filter() {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    const shown = new Set();
    const all = new Set();
    for (const table of filtered) {
      for (const row of table.tBodies[0].rows) {
        const { keys, groups } = found(row);
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
    document.getElementById("clear").hidden = !said.length && !dropped().length;
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
  const matrix = document.getElementById("models");
  const computed = new Map();
  const asked = new Set();

  // Many come one after the other: what they say is shown when there is a pause.
  let waiting = 0;
  window.glotbenchGroup = (metric, name, ranking) => {
    computed.set(`${metric} ${name}`, ranking);
    clearTimeout(waiting);
    waiting = setTimeout(rank, 20);
  };

  function ask(metric) {
    const name = `${metric} ${group()}`;
    if (asked.has(name) || computed.has(name)) return;
    asked.add(name);
    const script = document.createElement("script");
    script.src = `g/${metric}-${group()}.js`;
    script.onerror = () => {
      asked.delete(name);
      for (const { box } of standings.filter(({ box }) => box.dataset.metric === metric))
        say(box, "The ranking over this group could not be loaded.");
    };
    document.head.append(script);
  }

  const hasGroup = (box) => box.dataset.groups.split(" ").includes(group());

  function rank() {
    for (const { box, nodes } of standings) {
      const { metric } = box.dataset;
      const ranking = computed.get(`${metric} ${group()}`);
      box.classList.toggle("part", group() !== "");
      if (!group()) box.replaceChildren(...nodes);
      else if (!hasGroup(box)) say(box, "No language of this group here.");
      else if (ranking) {
        box.replaceChildren(...nodes.map((node) => node.cloneNode(true)));
        fill(box, ranking);
      } else ask(metric);
    }
    if (matrix) matrixOver();
    filter();
  }

  // The rows of the ranking over all languages with what they say over the group.
  function fill(box, ranking) {
    const table = box.querySelector("table");
    const heads = new Map([...document.querySelectorAll("tr[data-m]")].map((row) => [row.dataset.m, row.querySelector("th")]));
    const like = table.tBodies[0].rows[0];
    const rows = ranking.rows.map(([model, ...cells]) => {
      const row = like.cloneNode(true);
      row.dataset.m = ranking.models[model];
      const head = heads.get(ranking.models[model]);
      const own = [...row.cells];
      if (head) own[1].replaceChildren(...[...head.childNodes].map((node) => node.cloneNode(true)));
      [own[0], ...own.slice(2)].forEach((cell, index) => {
        const [value, markup] = Array.isArray(cells[index]) ? cells[index] : [undefined, cells[index]];
        cell.innerHTML = markup;
        if (value === undefined) delete cell.dataset.v;
        else cell.dataset.v = value;
      });
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
    for (const place of table.querySelectorAll("[data-count]")) place.textContent = ranking[place.dataset.count];
    table.querySelector("thead td.fig").innerHTML = ranking.axis;
    box.querySelector("p.note").outerHTML = ranking.note;
    for (const head of table.tHead.rows[0].cells) {
      const button = head.querySelector("button");
      if (button) head.replaceChildren(...button.childNodes);
    }
    makeSortable(table);
    if (sorted.has(table.id)) sortAsSaved(table, sorted.get(table.id));
  }

  // ---- all models on all tasks: over the tasks that are chosen, over a group of languages --------------------------
  const chooser = document.getElementById("tasks");
  const boxes = chooser ? [...chooser.querySelectorAll("input")] : [];
  const written = new Map();
  const dropped = () => boxes.filter((own) => !own.checked).map((own) => own.value);

  const first = (column) => column.dataset.b.split(" ")[0];

  // What one column says over the group: means and ranks by model; undefined while a script is on its way.
  function columnOver(column) {
    const ids = column.dataset.b.split(" ");
    const known = ids.map((id) => computed.get(`${id} ${group()}`));
    if (known.some((one) => one === undefined)) return undefined;
    const means = new Map();
    for (const model of known[0].models) {
      const own = known.map((one) => one.means[one.models.indexOf(model)] ?? null);
      if (!own.includes(null))
        means.set(model, own.reduce((sum, one) => sum + Number.parseFloat(one.replace("\u2212", "-")), 0) / own.length);
    }
    const ranks = new Map();
    if (known.length === 1) known[0].models.forEach((model, index) => ranks.set(model, known[0].ranks[index]));
    else {
      const sign = column.dataset.sort === "down" ? -1 : 1;
      [...means].sort((a, b) => sign * (a[1] - b[1])).forEach(([model], index) => ranks.set(model, [index + 1, index + 1]));
    }
    return { means, ranks };
  }

  function matrixOver() {
    const columns = heads(matrix).map((head, index) => ({ head, index })).filter(({ head }) => head.dataset.b);
    const out = new Set(dropped());
    const rows = [...matrix.tBodies[0].rows];
    for (const row of rows)
      for (const cell of row.cells) if (!written.has(cell)) written.set(cell, { nodes: [...cell.childNodes], name: cell.className, v: cell.dataset.v });
    for (const row of rows)
      for (const cell of row.cells) {
        const { nodes, name, v } = written.get(cell);
        cell.replaceChildren(...nodes);
        cell.className = name;
        if (v === undefined) delete cell.dataset.v;
        else cell.dataset.v = v;
      }
    const shown = columns.filter(({ head }) => !out.has(first(head)));
    for (const { head, index } of columns) {
      const hidden = out.has(first(head));
      head.hidden = hidden;
      for (const row of rows) row.cells[index].hidden = hidden;
    }
    for (const section of document.querySelectorAll("[data-task]")) {
      const column = columns.find(({ head }) => head.dataset.b.split(" ").includes(section.dataset.task));
      section.hidden = column !== undefined && out.has(first(column.head));
    }
    const chosen = group() ? shown.filter(({ head }) => present(head)) : shown;
    if (group()) for (const { head } of chosen) for (const id of head.dataset.b.split(" ")) ask(id);
    const over = new Map(group() ? chosen.map(({ head, index }) => [index, columnOver(head)]) : []);
    for (const row of rows) if (group() || out.size) overOne(row, columns, chosen, over);
    const note = document.getElementById("models-note");
    if (!written.has(note)) written.set(note, { nodes: [...note.childNodes] });
    if (!group() && !out.size) note.replaceChildren(...written.get(note).nodes);
    else {
      const where = group() ? `Only ${select.selectedOptions[0].textContent}` : "Over all languages";
      const among = group() ? chosen.length : shown.length;
      note.textContent = `${where}; mean ranks over ${among} of ${columns.length} tasks.`;
    }
    note.classList.toggle("part", group() !== "" || out.size > 0);
    const value = sorted.get(matrix.id);
    if (value || group() || out.size || matrix.classList.contains("sorted")) sortAsSaved(matrix, value ?? "1u", value !== undefined);
    if (chooser) document.getElementById("tasks-said").textContent = out.size ? `${shown.length} of ${columns.length}` : "all";
  }

  const present = (head) => head.dataset.groups.split(" ").includes(group());

  function overOne(row, columns, chosen, overColumn) {
    const ranks = [];
    const dash = () => Object.assign(document.createElement("span"), { className: "no", textContent: "\u2013" });
    for (const { head, index } of columns) {
      const cell = row.cells[index];
      if (!group()) {
        const small = cell.querySelector("small");
        if (chosen.some((one) => one.index === index) && small) ranks.push(small.textContent.split("\u2013").map(Number));
        continue;
      }
      const over = overColumn.get(index);
      const mean = over?.means.get(row.dataset.m);
      cell.classList.remove("best");
      if (mean === undefined) cell.replaceChildren(dash());
      else {
        const range = over.ranks.get(row.dataset.m);
        const text = mean.toFixed(Number(head.dataset.digits)).replace("-", "\u2212");
        const small = document.createElement("small");
        if (range) {
          small.textContent = range[0] === range[1] ? `${range[0]}` : `${range[0]}\u2013${range[1]}`;
          ranks.push(range);
          cell.classList.toggle("best", range[0] === 1);
        }
        cell.replaceChildren(text, " ", small);
      }
    }
    const [, mean, tasks, covered] = row.cells;
    const average = (side) => ranks.reduce((sum, one) => sum + (one[side] ?? one[0]), 0) / ranks.length;
    tasks.dataset.v = ranks.length;
    tasks.textContent = `${ranks.length} of ${chosen.length}`;
    if (group()) covered.replaceChildren(dash());
    if (!ranks.length) {
      mean.replaceChildren(dash());
      delete mean.dataset.v;
      return;
    }
    const [low, high] = [average(0), average(1)];
    const bold = document.createElement("b");
    bold.textContent = low.toFixed(1) === high.toFixed(1) ? low.toFixed(1) : `${low.toFixed(1)}\u2013${high.toFixed(1)}`;
    mean.dataset.v = (low + high) / 2;
    mean.replaceChildren(bold);
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
      for (const own of boxes) own.checked = true;
      rank();
      save();
      input.focus();
    });
    for (const own of boxes)
      own.addEventListener("change", () => {
        rank();
        save();
      });
  }

  // ---- permalink -----------------------------------------------------------------------------------------------
  function save() {
    const hash = location.hash.slice(1);
    const state = new URLSearchParams(hash.includes("=") ? hash : ""); // what other scripts keep there stays
    const own = [
      ...(select ? [["g", group()]] : []),
      ...(input ? [["q", input.value]] : []),
      ...(boxes.length ? [["without", dropped().join(" ")]] : []),
      ["theme", chosenTheme],
      ...sorted,
    ];
    for (const [key, value] of own) {
      if (value) state.set(key, value);
      else state.delete(key);
    }
    history.replaceState(null, "", `#${state}`);
  }

  function sortAsSaved(table, value, keep = true) {
    const match = /^(\d+)([ud])$/.exec(value);
    if (!match || !heads(table)[match[1]]?.dataset.sort) return;
    sort(table, Number(match[1]), match[2]);
    if (keep) sorted.set(table.id, value);
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
    const out = (state.get("without") ?? "").split(" ");
    for (const own of boxes) own.checked = !out.includes(own.value);
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
    chosenTheme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosenTheme;
    try {
      localStorage.setItem("glotbench-theme", document.documentElement.dataset.theme);
    } catch {
      // A browser that stores nothing keeps the theme for this page.
    }
    name();
    save();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
});
