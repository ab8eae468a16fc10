// Watch: a folder of results; what is open is read again whenever it changes.

import { drawChart } from "./chart.js";
import { field, h, number, options, put } from "./dom.js";
import { state, write } from "./link.js";
import { ask, forget, get, onReconnect } from "./wire.js";

const TITLES = { sweep: "Sweeps", table: "Tables", result: "Results", picture: "Pictures", record: "Records" };

export class Watch {
  constructor(root) {
    this.root = root;
    this.entries = [];
    this.list = h("div", { class: "side", id: "results" });
    this.content = h("div", { class: "middle wide", id: "result" });
    put(root, this.list, this.content);
    onReconnect(() => {
      this.listening = null;
      if (!root.hidden) this.start();
    });
  }

  start() {
    if (this.listening) return;
    this.listening = ask({ do: "watch" }, (message) => {
      if (message.event === "error") {
        this.listening = null;
        put(this.list, h("h2", {}, "Results"), h("p", { class: "quiet" }, message.message));
      } else if (message.event === "results") this.news(message.entries);
    });
  }

  news(entries) {
    const before = this.entries.find((one) => one.path === state.watch.path);
    this.entries = entries;
    this.drawList();
    const now = entries.find((one) => one.path === state.watch.path);
    if (now && (!before || before.modified !== now.modified || before.bytes !== now.bytes)) this.load(now);
    if (!now && !state.watch.path && entries.length) this.open(entries.find((one) => one.kind === "sweep") ?? entries[0]);
  }

  drawList() {
    const parts = [h("h2", {}, "Results")];
    if (!this.entries.length) parts.push(h("p", { class: "quiet" }, "Nothing there yet."));
    for (const [kind, title] of Object.entries(TITLES)) {
      const own = this.entries.filter((one) => one.kind === kind);
      if (!own.length) continue;
      const items = own.slice(0, 200).map((one) => h("li", {}, h("button", { type: "button", "aria-current": one.path === state.watch.path ? "true" : null, onclick: () => this.open(one) }, one.path === "." ? "this folder" : one.path)));
      parts.push(h("h3", {}, `${title} (${own.length})`), h("ul", { class: "states" }, items));
    }
    put(this.list, parts);
  }

  open(entry) {
    state.watch = { ...state.watch, path: entry.path };
    this.axes = null;
    write();
    this.drawList();
    this.load(entry);
  }

  async load(entry) {
    const asked = (this.asked = Symbol(entry.path));
    const path = `/api/result?path=${encodeURIComponent(entry.path)}`;
    const fresh = `&changed=${entry.modified}`;
    try {
      if (entry.kind === "picture") {
        const made = entry.path.endsWith(".mp4") ? h("video", { src: path + fresh, controls: true, class: "result" }) : h("img", { src: path + fresh, alt: entry.path, class: "result" });
        this.shown(asked, entry, made);
      } else if (entry.kind === "record") {
        const text = await (await get(path)).text();
        this.shown(asked, entry, h("pre", { tabindex: "0" }, pretty(text)));
      } else if (entry.kind === "result") {
        const found = await (await get(path)).json();
        this.shown(asked, entry, this.saved(found, `${path}&as=picture${fresh}`));
      } else {
        const found = await (await get(path)).json();
        this.shown(asked, entry, this.table(found));
      }
    } catch (error) {
      this.shown(asked, entry, h("p", { class: "error" }, error.message));
    }
  }

  shown(asked, entry, made) {
    if (asked !== this.asked) return;
    put(this.content, h("h2", {}, entry.path === "." ? "this folder" : entry.path), made);
    this.root.dataset.shown = `${entry.path} ${entry.modified}`;
  }

  saved(found, picture) {
    const facts = Object.entries({ ...found.summary, ...found.facts }).filter(([, value]) => value !== null && typeof value !== "object");
    return h("div", {}, h("p", { class: "quiet" }, found.text), h("img", { src: picture, alt: `Picture of a ${found.kind}`, class: "result" }), h("table", {}, h("tbody", {}, facts.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), h("td", { class: "number" }, number(value, 6)))))));
  }

  table(found) {
    const { columns, rows } = found;
    const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === "number") && rows.every((row) => row[i] === null || typeof row[i] === "number"));
    const names = columns.filter((_, i) => numeric[i]);
    const swept = found.swept ?? [];
    const distinct = (name) => new Set(rows.map((row) => row[columns.indexOf(name)])).size;
    const keys = swept.filter((name) => names.includes(name)).sort((a, b) => distinct(b) - distinct(a));
    const x = this.axes?.x ?? keys[0] ?? names[0];
    const y = this.axes?.y ?? names.find((name) => name !== x && !swept.includes(name) && !/seed|seconds|error/.test(name)) ?? names[1] ?? x;
    const chart = h("div", {});
    const xs = h("select", { id: "chart-x" });
    const ys = h("select", { id: "chart-y" });
    options(xs, names, x);
    options(ys, names, y);
    const again = () => {
      this.axes = { x: xs.value, y: ys.value };
      drawChart(chart, lines(found, xs.value, ys.value), xs.value, ys.value);
    };
    xs.addEventListener("change", again);
    ys.addEventListener("change", again);
    if (names.length > 1) drawChart(chart, lines(found, x, y), x, y);
    const progress = found.total === undefined || found.done === undefined ? null : h("p", {}, `${found.done} of ${found.total} points`, h("progress", { max: found.total, value: found.done, "aria-label": "Points that are finished" }));
    const body = rows.slice(0, 500).map((row) => h("tr", {}, row.map((value, i) => h("td", { class: numeric[i] ? "number" : "" }, numeric[i] ? short(value) : String(value ?? "–")))));
    const more = rows.length > 500 || (found.kind === "table" && found.total > rows.length) ? h("p", { class: "quiet" }, `${Math.min(500, rows.length)} of ${found.total ?? rows.length} rows`) : null;
    return h("div", {}, progress, names.length > 1 ? h("div", { class: "line" }, field("across", xs), field("up", ys)) : null, chart,
      h("div", { class: "scroll tall", tabindex: "0", role: "group", "aria-label": "Table" }, h("table", {}, h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col" }, one.replaceAll("_", " "))))), h("tbody", {}, body))), more);
  }

  close() {
    forget(this.listening);
  }
}

// The lines of a chart: one for each combination of what else was swept.
function lines(found, x, y) {
  const at = (name) => found.columns.indexOf(name);
  const others = (found.swept ?? []).filter((name) => name !== x && name !== y).map((name) => [name, at(name)]);
  const made = new Map();
  const error = at(`${y}_standard_error`);
  for (const row of found.rows) {
    if (typeof row[at(x)] !== "number" || typeof row[at(y)] !== "number") continue;
    const key = others.map(([name, i]) => `${name} ${row[i]}`).join(", ");
    if (!made.has(key)) made.set(key, []);
    made.get(key).push({ x: row[at(x)], y: row[at(y)], error: error < 0 ? null : row[error] });
  }
  return [...made].map(([name, points]) => ({ name, points: points.sort((a, b) => a.x - b.x) }));
}

function short(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : "–";
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
