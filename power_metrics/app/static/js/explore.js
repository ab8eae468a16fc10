// Explore: a world, a measure, a map of it, and the equation behind each number.

import { Board } from "./board.js";
import { paintBar, scale } from "./colours.js";
import * as controls from "./controls.js";
import { download, exact, fill, h, number, put, say } from "./dom.js";
import { Editing } from "./editing.js";
import { drawEquation } from "./equation.js";
import { drawGraph, drawList } from "./graph.js";
import { state, write } from "./link.js";
import { Sidebar } from "./sidebar.js";
import { Difference, Values, columns } from "./values.js";
import { ask, forget, get, onReconnect, post } from "./wire.js";

const QUIET = 30;
const UNIT = { w: "#", f: ".", s: "S", g: "G" };

export class Explore {
  constructor(root, catalogue) {
    this.root = root;
    this.catalogue = catalogue;
    this.data = this.less = null;
    this.tool = "look";
    this.held = null;
    this.running = { main: null, less: null, equation: null };
    this.editing = new Editing((source, ahead, problem) => this.edited(source, ahead, problem), (text) => this.trouble(text));
    this.board = new Board({
      press: (cell, event) => this.press(cell, event),
      enter: (cell) => this.drag(cell),
      release: () => (this.stroke = null),
      choose: (cell) => this.choose(cell),
      key: (event, cell) => this.key(event, cell),
      point: (cell) => this.point(cell),
    });
    this.build();
    onReconnect(() => {
      this.editing.busy = false;
      this.measure();
    });
    addEventListener("resize", () => this.show());
  }

  build() {
    this.sidebar = new Sidebar(this);
    this.title = h("h2", { id: "title" });
    this.status = h("p", { class: "status", id: "status" });
    this.note = h("p", { class: "quiet", id: "note" });
    this.error = h("p", { class: "error", id: "error", role: "alert" });
    this.bar = h("progress", { "aria-label": "Progress", hidden: true });
    this.stop = h("button", { type: "button", id: "cancel", hidden: true, onclick: () => this.cancel() }, "Cancel");
    this.picture = h("div", { id: "picture" });
    this.legend = h("div", { class: "legend" });
    this.facts = h("details", { id: "facts" }, h("summary", {}, "Numbers"));
    this.equation = h("div", { id: "equation" });
    this.downloads = h("div", {});
    const middle = h("div", { class: "middle" },
      h("div", { class: "line" }, this.title, h("span", { class: "grow" }), this.bar, this.stop),
      this.error, this.picture, this.legend, this.status, this.note, this.facts, this.downloads);
    put(this.root, this.sidebar.left, middle, h("div", { class: "side", id: "right" }, this.sidebar.right, this.equation));
  }

  get measureOf() {
    return this.catalogue.measures.find((one) => one.name === state.measure) ?? this.catalogue.measures[0];
  }

  get isGame() {
    const { source } = state;
    return source.kind === "level" ? Boolean(source.pair) : this.data?.model?.agents ? true : this.catalogue.games.some((one) => one.id === source.id);
  }

  get request() {
    return { source: state.source, measure: state.measure, settings: state.settings, keep: state.keep };
  }

  start() {
    if (state.source.kind === "level" && !state.source.rows) {
      const rows = this.catalogue.levels[state.source.name] ?? this.catalogue.levels.maze_7x7;
      state.source = level(state.source.name, rows);
      this.editing.clear();
    }
    this.sidebar.draw();
    this.measure();
  }

  // Another world from here on.
  open(source) {
    state.source = source;
    state.state = state.other = null;
    this.label = undefined;
    state.choice = 0;
    if (source.kind !== "level") state.keep = false; // cells keep rewards, and other worlds have other states
    this.editing.clear();
    this.data = null;
    const game = source.kind === "level" ? Boolean(source.pair) : this.catalogue.games.some((one) => one.id === source.id);
    if (this.measureOf.game !== game) this.pick(game ? "multiagent_power" : "power", false);
    this.sidebar.draw();
    put(this.equation);
    this.measure();
  }

  pick(name, run = true) {
    state.measure = name;
    state.settings = controls.first(this.measureOf, this.measureOf.game);
    state.column = null;
    state.choice = 0;
    if (!["power", "multiagent_power"].includes(name)) state.keep = false;
    this.sidebar.drawMeasure();
    if (run) this.measure();
  }

  set(name, value) {
    state.settings = { ...state.settings, [name]: value };
    if (value === undefined) delete state.settings[name];
    this.measure();
  }

  edited(source, ahead, problem) {
    this.changedAt ??= performance.now();
    if (problem !== undefined) this.error.textContent = problem;
    this.sidebar.drawHistory();
    this.show(source);
    if (!ahead) {
      write();
      if (!problem) this.measure();
      else this.stale();
    }
  }

  // What is shown is of an earlier world or setting: it stays, in grey.
  stale() {
    this.old = true;
    this.picture.classList.add("stale");
  }

  // Asks for the map; a newer one ends an older one on the server.
  measure() {
    clearTimeout(this.timer);
    this.changedAt ??= performance.now();
    write();
    this.timer = setTimeout(() => this.send(), this.running.main ? QUIET : 0);
  }

  send() {
    this.root.dataset.state = "busy";
    this.run("main", this.request, (data, preview) => {
      this.data = data;
      if (this.sidebar.shownOf !== shape(data)) this.sidebar.drawShown();
      this.error.textContent = "";
      this.old = false;
      this.picture.classList.remove("stale");
      this.show();
      const took = (performance.now() - this.sentFor).toFixed(1);
      if (!this.pictured) this.root.dataset.latency = took;
      this.root.dataset.whole = took;
      if (data.seconds !== undefined) this.root.dataset.work = (data.seconds * 1000).toFixed(1);
      this.pictured = true;
      if (!preview) {
        this.root.dataset.state = "done";
        this.drawFacts();
        this.explainAgain(data.model);
      }
    });
    this.pictured = false;
    this.sentFor = this.changedAt;
    this.changedAt = undefined;
    const asked = this.running.main;
    setTimeout(() => this.running.main === asked && asked && !this.pictured && this.stale(), 400);
    this.sidebar.linesAgain();
    if (state.less) this.run("less", state.less, (data) => {
      this.less = data;
      this.show();
    });
    else this.less = null;
  }

  run(slot, request, done) {
    if (this.running[slot]) forget(this.running[slot]);
    const started = performance.now();
    const ends = () => {
      this.running[slot] = null;
      if (slot === "main") this.progress(null);
    };
    this.running[slot] = ask({ do: "explore", slot, ask: { request, arrows: slot === "main" ? state.arrows : "none" } }, (message) => {
      if (message.event === "progress") this.progress(message.data, started);
      else if (message.event === "preview") done(message.data, true);
      else if (message.event === "done") {
        ends();
        done(message.data, false);
      } else if (message.event === "error") {
        ends();
        if (slot === "main") {
          this.root.dataset.state = "refused";
          this.stale();
          put(this.equation);
        }
        this.trouble(message.message);
      }
    });
    if (slot === "main") setTimeout(() => this.running.main && this.progress({}, started), 400);
  }

  cancel() {
    for (const slot of ["main", "less"]) {
      if (!this.running[slot]) continue;
      forget(this.running[slot]);
      this.running[slot] = null;
      ask({ do: "cancel", slot }, () => {
        this.root.dataset.state = "cancelled";
        this.stale();
        this.progress(null);
        this.note.textContent = "Cancelled: the map is that of before.";
        say("Cancelled");
      });
    }
  }

  progress(told, started) {
    const shown = told !== null && performance.now() - started > 250;
    this.bar.hidden = this.stop.hidden = !shown;
    if (!shown) return;
    if (told.total) {
      this.bar.max = told.total;
      this.bar.value = told.done;
      this.bar.title = `${told.title}: ${told.done.toLocaleString("en")} of ${told.total.toLocaleString("en")}`;
    } else this.bar.removeAttribute("value");
  }

  trouble(text) {
    this.error.textContent = text;
  }

  values() {
    this.mismatch = "";
    if (!this.data) return null;
    const own = new Values(this.data);
    if (!own.found) return null;
    if (state.less && this.less) {
      const other = new Values(this.less);
      if (other.found && other.title === own.title) return new Difference(own, other);
      this.mismatch = `no difference: what is pinned is ${other.found ? other.title : "of another kind"}`;
    }
    return own;
  }

  // Draws what there is.
  show(source = this.editing.ahead ?? state.source) {
    const { data } = this;
    if (this.root.hidden || (!data && source.kind !== "level")) return;
    const values = this.values();
    this.shown = values;
    const range = values?.range() ?? { low: 0, high: 1 };
    const difference = values instanceof Difference;
    this.scale = scale(range.low, range.high, difference);
    this.title.textContent = (source.kind === "level" ? source.name ?? "level" : data?.title ?? "") + (this.editing.past.length ? " (edited)" : "");
    const rows = source.kind === "level" ? source.rows : data?.model.board;
    if (rows) this.showBoard(rows, source, values, difference);
    else if (data && values) this.showStates(values);
    else if (data) put(this.picture, h("p", { class: "quiet" }, "This measure has no number for each state; the numbers are below, and Download has its picture."));
    this.showLegend(values, range, difference);
    if (rows) this.point(this.pointed && rows[this.pointed[0]]?.[this.pointed[1]] ? this.pointed : null); // no number of before
    else this.status.textContent = "";
  }

  showBoard(rows, source, values, difference) {
    if (this.picture.firstChild !== this.board.element) put(this.picture, this.board.element);
    const fits = !values || source.kind !== "level" || same(this.data.model.board, rows);
    const removed = new Map();
    for (const [r, c, action, agent] of source.removed ?? []) {
      if (agent === null || agent === this.agent) push(removed, `${r},${c}`, action);
    }
    const places = new Map();
    for (const [agent, cell] of Object.entries(source.places ?? {})) push(places, cell.join(","), agent);
    this.board.draw({
      rows,
      legend: this.data?.model.legend,
      values: (r, c) => this.cellValue(values, r, c),
      scale: this.scale,
      difference,
      name: values?.title,
      names: values?.title,
      stale: !fits || this.old,
      removed: (r, c) => removed.get(`${r},${c}`) ?? [],
      places: (r, c) => places.get(`${r},${c}`) ?? [],
      arrows: (r, c) => (fits ? this.arrows(values, r, c) : []),
      chosen: this.chosenCell(values),
    });
  }

  cellValue(values, r, c) {
    if (!values) return null;
    const found = values.ofCell(r, c);
    if (found?.ends && found.value < this.scale.low) return { ...found, outside: true };
    return found;
  }

  get agent() {
    const model = this.data?.model;
    if (!model?.agents) return state.source.pair ? state.agent ?? "human" : null;
    return model.agents[Math.max(0, new Values(this.data).agent)];
  }

  arrows(values, r, c) {
    const all = this.data?.arrows;
    if (!all || !values) return [];
    const states = values.states(r, c);
    const sums = new Map();
    for (const s of states) {
      for (const [, share, down, right] of all[s] ?? []) {
        const key = `${Math.sign(Math.round(down * 50))},${Math.sign(Math.round(right * 50))}`;
        const old = sums.get(key) ?? { down: 0, right: 0, share: 0 };
        sums.set(key, { down: old.down + down * share, right: old.right + right * share, share: old.share + share / states.length });
      }
    }
    return [...sums.values()].filter((one) => one.share > 0.01);
  }

  chosenCell(values) {
    if (state.state === null || !this.data?.model.cells || !values) return null;
    const s = this.label === undefined ? state.state : this.data.model.labels.indexOf(this.label);
    const cell = this.data.model.cells[s];
    if (!cell) return null;
    return this.data.model.agents ? cell[Math.max(0, (values.first ?? values).agent ?? 0)] : cell;
  }

  showStates(values) {
    const view = { value: (s) => values.ofState(s), scale: this.scale, name: values.title, chosen: state.state };
    if (this.data.model.graph) drawGraph(this.picture, this.data.model, view, (s) => this.explain(s), (s) => this.pointState(s));
    else drawList(this.picture, this.data.model, view, (s) => this.explain(s));
  }

  showLegend(values, range, difference) {
    if (!values) {
      put(this.legend);
      return;
    }
    const bar = h("canvas", { width: 240, height: 12, role: "img", "aria-label": `Colours from ${number(this.scale.low)} to ${number(this.scale.high)}` });
    paintBar(bar, this.scale.low < this.scale.high ? this.scale : { ...this.scale, high: this.scale.low + 1 });
    put(this.legend, h("span", {}, values.title), h("span", { class: "number" }, number(this.scale.low)), bar, h("span", { class: "number" }, number(this.scale.high)), difference ? h("span", { class: "quiet" }, "shown less pinned") : null);
    const data = this.data;
    const parts = [];
    if (data.preview) parts.push(`first look: ${data.preview} reward functions`);
    if (data.arrows_refused) parts.push(data.arrows_refused);
    if (this.mismatch) parts.push(this.mismatch);
    parts.push(...(data.result.notes ?? []));
    const other = (values.first ?? values).other;
    if (data.model.agents && data.model.cells) parts.push(other ? `the other agent is in (${other.join(", ")})` : "mean over the places of the other agent");
    const alignment = data.result.facts.alignment_corrected;
    if (data.model.agents && "alignment" in data.result.facts) {
      parts.push(`alignment ${number(data.result.facts.alignment, 3)}, without noise ${number(alignment, 3)}`);
    }
    this.note.textContent = parts.join("; ");
  }

  drawFacts() {
    const { result, model, seconds } = this.data;
    const rows = Object.entries({ ...result.summary, ...result.facts }).filter(([, value]) => value !== null && typeof value !== "object");
    const parts = [h("summary", {}, "Numbers"), h("p", { class: "quiet" }, `${result.kind}, ${model.states.toLocaleString("en")} states, ${number(seconds, 3)} s`)];
    parts.push(h("table", {}, h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), h("td", { class: "number", title: exact(value) }, number(value, 6)))))));
    for (const other of result.others) parts.push(otherTable(other));
    const open = this.facts.open || !result.maps.length;
    put(this.facts, parts);
    this.facts.open = open;
  }

  // The mouse and the keys

  press(cell, event) {
    if (this.tool === "look" || !this.editing.possible) {
      this.choose(cell);
      return;
    }
    if (this.tool === "action") {
      this.removeAction(cell, nearest(event));
      return;
    }
    if (this.tool in { human: 1, ai: 1 }) {
      this.place(this.tool, cell);
      return;
    }
    const glyph = UNIT[this.tool];
    const there = (this.editing.ahead ?? state.source).rows[cell[0]][cell[1]];
    this.stroke = { glyph: there === glyph ? "." : glyph, joined: false };
    this.drag(cell);
  }

  drag(cell) {
    if (!this.stroke) return;
    const there = (this.editing.ahead ?? state.source).rows[cell[0]]?.[cell[1]];
    if (there === undefined || there === this.stroke.glyph) return;
    this.editing.edit({ op: "draw", cell, glyph: this.stroke.glyph }, this.stroke.joined);
    this.stroke.joined = true;
  }

  place(agent, cell) {
    const old = state.source.places?.[agent];
    const again = old && old[0] === cell[0] && old[1] === cell[1];
    this.editing.edit({ op: "place", agent, cell: again ? null : cell });
  }

  removeAction(cell, action) {
    const agent = state.source.pair ? this.agent : null;
    const gone = (state.source.removed ?? []).some(([r, c, name, whose]) => r === cell[0] && c === cell[1] && name === action && whose === agent);
    this.editing.edit({ op: gone ? "restore" : "remove", cell, action, agent });
    say(gone ? `${action} is back` : `${action} removed`);
  }

  key(event, cell) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const way = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", " ": "stay" }[event.key];
    if (this.choosing) {
      this.choosing = false;
      if (way) this.removeAction(cell, way);
      return true;
    }
    if (!this.editing.possible) return false;
    const there = (this.editing.ahead ?? state.source).rows[cell[0]][cell[1]];
    const draw = (glyph) => this.editing.edit({ op: "draw", cell, glyph: there === glyph ? "." : glyph });
    const acts = {
      " ": () => draw("#"),
      s: () => draw("S"),
      g: () => draw("G"),
      x: () => {
        this.choosing = true;
        say("Which action? An arrow, or space for stay, takes it out or puts it back");
        this.note.textContent = "An arrow key, or space for stay, takes that action out of the cell or puts it back.";
      },
      r: () => this.editing.edit({ op: "add_row", at: cell[0] + 1 }),
      R: () => this.editing.edit({ op: "remove_row", at: cell[0] }),
      c: () => this.editing.edit({ op: "add_column", at: cell[1] + 1 }),
      C: () => this.editing.edit({ op: "remove_column", at: cell[1] }),
      u: () => this.editing.undo(),
      U: () => this.editing.redo(),
      "-": () => this.nudge("gamma", -0.05),
      "+": () => this.nudge("gamma", 0.05),
      "[": () => this.nudgeNoise(-0.05),
      "]": () => this.nudgeNoise(0.05),
    };
    if (state.source.pair) {
      acts.h = () => this.place("human", cell);
      acts.a = () => this.place("ai", cell);
      acts.o = () => this.otherAgent();
    }
    if (!(event.key in acts)) return false;
    acts[event.key]();
    return true;
  }

  nudge(name, by) {
    const value = Math.min(0.99, Math.max(0.01, Math.round(((state.settings[name] ?? 0.9) + by) * 100) / 100));
    this.set(name, value);
    this.sidebar.drawMeasure();
  }

  nudgeNoise(by) {
    const noise = Math.min(1, Math.max(0, Math.round((state.source.noise + by) * 100) / 100));
    this.editing.edit({ op: "noise", noise });
    this.sidebar.noise(noise);
  }

  otherAgent() {
    const agents = this.data?.model.agents ?? ["human", "ai"];
    const to = agents[1 - Math.max(0, agents.indexOf(this.agent))];
    state.agent = to;
    state.column = columns(this.data).find((one) => one === to) ?? null;
    write();
    this.sidebar.drawMeasure();
    this.show();
    say(`The map is that of ${to}`);
  }

  point(cell) {
    this.pointed = cell;
    if (!cell || !this.shown) {
      this.status.textContent = "";
      return;
    }
    const found = this.shown.ofCell(...cell);
    const rows = this.board.rows;
    const glyph = rows[cell[0]]?.[cell[1]];
    const legend = this.data?.model.legend ?? {};
    const kind = legend[glyph] ?? { "#": "wall", ".": "floor", S: "start", G: "goal" }[glyph] ?? glyph;
    this.status.textContent = `(${cell.join(", ")}) ${kind}${told(found, this.shown.title)}`;
    this.status.dataset.value = found ? exact(found.value) : "";
    this.status.dataset.error = found ? exact(found.error) : "";
  }

  pointState(s) {
    this.status.textContent = this.data.model.labels[s] + told(this.shown.ofState(s), this.shown.title);
  }

  choose(cell) {
    this.point(cell);
    const states = this.shown?.states(...cell) ?? [];
    if (!states.length) return;
    if (states.length === 1) this.explain(states[0]);
    else this.listStates(cell, states);
  }

  listStates(cell, states) {
    const labels = this.data.model.labels;
    const list = states.slice(0, 60).map((s) => h("li", {}, h("button", { type: "button", onclick: () => this.explain(s) }, labels[s]), told(this.shown.ofState(s), this.shown.title)));
    put(this.equation, h("h3", {}, `${states.length} states in (${cell.join(", ")})`), h("p", { class: "quiet" }, "Choose one for its equation."), h("ul", { class: "states" }, list), states.length > 60 ? h("p", { class: "quiet" }, `and ${states.length - 60} more`) : null);
  }

  // The equation of the same state as before, whatever its number is now.
  explainAgain(model) {
    if (state.state === null) return;
    const s = this.label === undefined ? state.state : model.labels.indexOf(this.label);
    if (s >= 0 && s < model.states) this.explain(s);
    else {
      state.state = null;
      this.label = undefined;
      put(this.equation);
      this.show();
    }
  }

  explain(s, sample = state.sample) {
    [state.state, state.sample, this.label] = [s, sample, this.data.model.labels[s]];
    write();
    this.show();
    if (this.running.equation) forget(this.running.equation);
    this.equation.setAttribute("aria-busy", "true");
    this.running.equation = ask({ do: "equation", ask: { request: this.request, state: s, sample } }, (message) => {
      this.running.equation = null;
      this.equation.removeAttribute("aria-busy");
      if (message.event === "done") {
        drawEquation(this.equation, message.data, sample, (next) => this.explain(s, next));
        this.equation.scrollIntoView({ block: "nearest" });
      }
      else if (message.event === "error") {
        if (sample > 0) this.explain(s, 0);
        else put(this.equation, h("p", { class: "error" }, message.message));
      }
    });
  }

  // Two settings, and files

  pin() {
    state.less = state.less ? null : structuredClone(this.request);
    this.less = null;
    this.sidebar.drawPin();
    this.measure();
  }

  async download(format) {
    try {
      const answer = await post("/api/download", { request: this.request, less: state.less ?? undefined, format });
      download(`${state.measure}.${format}`, await answer.blob());
    } catch (error) {
      this.trouble(error.message);
    }
  }

  async lines(place) {
    try {
      const { lines } = await (await post("/api/lines", { request: this.request })).json();
      put(place, h("pre", { tabindex: "0", "aria-label": "Python" }, lines), h("button", { type: "button", onclick: () => navigator.clipboard?.writeText(lines) }, "Copy"));
    } catch (error) {
      this.trouble(error.message);
    }
  }

  async save(name, replace = false) {
    const { kind, name: _, ...world } = state.source;
    const answer = await post("/api/save", { world, name, replace });
    const { written } = await answer.json();
    state.source.name = name;
    write();
    this.show();
    return written;
  }

  async openFile(name, bytes) {
    const { source } = state;
    const settings = source.kind === "level" ? { noise: source.noise, walls: source.walls, pair: source.pair, overlaps: source.overlaps } : {};
    const answer = await post("/api/open", bytes === undefined ? { name, settings } : { name, bytes, settings });
    this.open(await answer.json());
  }

  async files() {
    return (await get("/api/files")).json();
  }
}

// What of a result decides which choices there are.
export function shape(data) {
  return JSON.stringify([data?.model.agents, data?.model.actions, data?.result.maps.map((one) => [one.dims, one.choices, Object.keys(one.columns)]), state.source.places]);
}

export function level(name, rows, more = {}) {
  return { kind: "level", name, rows, noise: 0, walls: "bump", pair: false, overlaps: true, removed: [], places: {}, ...more };
}

function told(found, name) {
  if (!found || found.value === null) return "";
  const error = found.error === null || found.error === undefined ? "" : ` ${found.bound ? "± at most" : "±"} ${number(found.error, 5)} standard error`;
  return `: ${name} ${number(found.value, 5)}${error}${found.count > 1 ? `, mean over ${found.count} states` : ""}`;
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

function nearest(event) {
  const box = event.target.closest("[data-r]").getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
  if (Math.max(Math.abs(x), Math.abs(y)) < 0.18) return "stay";
  if (Math.abs(x) > Math.abs(y)) return x > 0 ? "right" : "left";
  return y > 0 ? "down" : "up";
}

function push(map, key, value) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(value);
}

function same(one, other) {
  return one?.length === other.length && one[0].length === other[0].length;
}
