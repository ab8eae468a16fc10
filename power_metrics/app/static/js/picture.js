// The picture of a result: the board with its colours, or a graph, or a list; the legend, and the number under the pointer.

import { Board } from "./board.js";
import { paintBar, scale } from "./colours.js";
import { exact, fill, h, number, put } from "./dom.js";
import { drawGraph, drawList } from "./graph.js";
import { state } from "./link.js";
import { Difference, Values, told } from "./values.js";

const KINDS = { "#": "wall", ".": "floor", S: "start", G: "goal" };

export class Picture {
  constructor(explore, hands) {
    this.explore = explore;
    this.board = new Board({
      press: (cell, event) => hands.press(cell, event),
      enter: (cell) => hands.drag(cell),
      release: () => hands.release(),
      choose: (cell) => explore.explainer.choose(cell),
      key: (event, cell) => hands.key(event, cell),
      point: (cell) => this.point(cell),
    });
    this.shown = null;
    this.pointed = null;
    this.title = h("h2", { id: "title" });
    this.status = h("p", { class: "status", id: "status" });
    this.note = h("p", { class: "quiet", id: "note" });
    this.element = h("div", { id: "picture" });
    this.legend = h("div", { class: "legend" });
    this.facts = h("details", { id: "facts" }, h("summary", {}, "Numbers"));
  }

  // Of an earlier world or setting: it stays, in grey.
  stale(old) {
    this.old = old;
    this.element.classList.toggle("stale", old);
  }

  draw(data, less, source) {
    const values = (this.shown = this.values(data, less));
    const range = values?.range() ?? { low: 0, high: 1 };
    const difference = values instanceof Difference;
    this.scale = scale(range.low, range.high, difference);
    const name = source.kind === "level" ? (source.name ?? "level") : (data?.title ?? "");
    this.title.textContent = name + (this.explore.editing.past.length ? " (edited)" : "");
    const rows = source.kind === "level" ? source.rows : data?.model.board;
    if (rows) this.drawBoard(rows, source, data, values, difference);
    else if (data && values) this.drawStates(data.model, values);
    else if (data) put(this.element, h("p", { class: "quiet" }, "This measure has no number for each state; the numbers are below, and Download has its picture."));
    this.drawLegend(data, values, difference);
    if (rows) this.point(this.pointed && rows[this.pointed[0]]?.[this.pointed[1]] ? this.pointed : null); // no number of before
    else this.status.textContent = "";
  }

  values(data, less) {
    this.mismatch = "";
    if (!data) return null;
    const own = new Values(data);
    if (!own.found) return null;
    if (state.less && less) {
      const other = new Values(less);
      if (other.found && other.title === own.title) return new Difference(own, other);
      this.mismatch = `no difference: what is pinned is ${other.found ? other.title : "of another kind"}`;
    }
    return own;
  }

  drawBoard(rows, source, data, values, difference) {
    if (this.element.firstChild !== this.board.element) put(this.element, this.board.element);
    const fits = !values || source.kind !== "level" || same(data.model.board, rows);
    const { agent } = this.explore;
    const removed = new Map();
    for (const [r, c, action, whose] of source.removed ?? []) {
      if (whose === null || whose === agent) push(removed, `${r},${c}`, action);
    }
    const places = new Map();
    for (const [who, cell] of Object.entries(source.places ?? {})) push(places, cell.join(","), who);
    this.board.draw({
      rows,
      legend: data?.model.legend,
      values: (r, c) => this.cellValue(values, r, c),
      scale: this.scale,
      difference,
      name: values?.title,
      names: values?.title,
      stale: !fits || this.old,
      removed: (r, c) => removed.get(`${r},${c}`) ?? [],
      places: (r, c) => places.get(`${r},${c}`) ?? [],
      arrows: (r, c) => (fits && values ? arrows(data.arrows, values.states(r, c)) : []),
      chosen: this.chosenCell(data, values),
    });
  }

  cellValue(values, r, c) {
    if (!values) return null;
    const found = values.ofCell(r, c);
    if (found?.ends && found.value < this.scale.low) return { ...found, outside: true };
    return found;
  }

  chosenCell(data, values) {
    if (!data?.model.cells || !values) return null;
    const cell = data.model.cells[this.explore.explainer.index(data.model)];
    if (!cell) return null;
    return data.model.agents ? cell[Math.max(0, (values.first ?? values).agent ?? 0)] : cell;
  }

  drawStates(model, values) {
    const view = { value: (s) => values.ofState(s), scale: this.scale, name: values.title, chosen: state.state };
    const explain = (s) => this.explore.explainer.explain(s);
    if (!model.graph) drawList(this.element, model, view, explain);
    else drawGraph(this.element, model, view, explain, (s) => (this.status.textContent = model.labels[s] + told(this.shown.ofState(s), this.shown.title)));
  }

  drawLegend(data, values, difference) {
    if (!values) {
      put(this.legend);
      return;
    }
    const { low, high, flat } = this.scale;
    const kind = `${difference} ${Boolean(flat)}`; // the colours from end to end are the same for all numbers
    if (this.bar?.dataset.kind !== kind) {
      this.bar = h("canvas", { width: 240, height: 12, role: "img", "data-kind": kind });
      paintBar(this.bar, this.scale);
    }
    this.bar.setAttribute("aria-label", `Colours from ${number(low)} to ${number(high)}`);
    put(this.legend, h("span", {}, values.title), h("span", { class: "number" }, number(low)), this.bar, h("span", { class: "number" }, number(high)), difference ? h("span", { class: "quiet" }, "shown less pinned") : null);
    this.note.textContent = this.notes(data, values).join("; ");
  }

  notes(data, values) {
    const parts = [];
    if (data.preview) parts.push(`first look: ${data.preview} reward functions`);
    if (data.arrows_refused) parts.push(data.arrows_refused);
    if (this.mismatch) parts.push(this.mismatch);
    parts.push(...(data.result.notes ?? []));
    if (!data.model.agents) return parts;
    const other = (values.first ?? values).other;
    if (data.model.cells) parts.push(other ? `the other agent is in (${other.join(", ")})` : "mean over the places of the other agent");
    const { alignment, alignment_corrected: corrected } = data.result.facts;
    if (alignment !== undefined) parts.push(`alignment ${number(alignment, 3)}, without noise ${number(corrected, 3)}`);
    return parts;
  }

  drawFacts({ result, model, seconds }) {
    const rows = Object.entries({ ...result.summary, ...result.facts }).filter(([, value]) => value !== null && typeof value !== "object");
    const entry = ([name, value]) => h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), h("td", { class: "number", title: exact(value) }, number(value, 6)));
    const about = h("p", { class: "quiet" }, `${result.kind}, ${model.states.toLocaleString("en")} states, ${number(seconds, 3)} s`);
    const open = this.facts.open || !result.maps.length;
    put(this.facts, h("summary", {}, "Numbers"), about, h("table", {}, h("tbody", {}, rows.map(entry))), result.others.map(otherTable));
    this.facts.open = open;
  }

  point(cell) {
    this.pointed = cell;
    if (!cell || !this.shown) {
      this.status.textContent = "";
      return;
    }
    const found = this.shown.ofCell(...cell);
    const glyph = this.board.rows[cell[0]]?.[cell[1]];
    const kind = this.explore.data?.model.legend?.[glyph] ?? KINDS[glyph] ?? glyph;
    this.status.textContent = `(${cell.join(", ")}) ${kind}${told(found, this.shown.title)}`;
    this.status.dataset.value = found ? exact(found.value) : "";
    this.status.dataset.error = found ? exact(found.error) : "";
  }
}

// The arrows of a cell: of its states together, those that go the same way as one.
function arrows(all, states) {
  const sums = new Map();
  for (const s of all ? states : []) {
    for (const [, share, down, right] of all[s] ?? []) {
      const key = `${Math.sign(Math.round(down * 50))},${Math.sign(Math.round(right * 50))}`;
      const old = sums.get(key) ?? { down: 0, right: 0, share: 0 };
      sums.set(key, { down: old.down + down * share, right: old.right + right * share, share: old.share + share / states.length });
    }
  }
  return [...sums.values()].filter((one) => one.share > 0.01);
}

function otherTable(other) {
  const names = Object.keys(other.columns);
  if (!other.dims.length) {
    return h("table", {}, h("tbody", {}, names.map((name) => h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), h("td", { class: "number" }, number(other.columns[name], 6))))));
  }
  const rows = other.at.map((at, i) => h("tr", {}, h("th", { scope: "row" }, at), names.map((name) => h("td", { class: "number" }, number(other.columns[name][i], 5)))));
  const more = other.rows > other.at.length ? h("p", { class: "quiet" }, `the first ${other.at.length} of ${other.rows}`) : null;
  return fill(h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": other.dims[0] }), [h("table", {}, h("thead", {}, h("tr", {}, [other.dims[0], ...names].map((one) => h("th", { scope: "col" }, one.replaceAll("_", " "))))), h("tbody", {}, rows)), more]);
}

function push(map, key, value) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(value);
}

function same(one, other) {
  return one?.length === other.length && one[0].length === other[0].length;
}
