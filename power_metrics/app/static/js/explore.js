// Explore: a world, a measure, a map of it, and the equation behind each number. What is shown follows from the state of the link.

import * as controls from "./controls.js";
import { h, put, say } from "./dom.js";
import { Editing } from "./editing.js";
import { Explainer } from "./explainer.js";
import { downloadResult, openedFile, saveLevel, showLines } from "./files.js";
import { Hands } from "./hands.js";
import { level, state, write } from "./link.js";
import { Picture } from "./picture.js";
import { Runs } from "./runs.js";
import { Sidebar } from "./sidebar.js";
import { Values, columns, shape } from "./values.js";
import { onReconnect } from "./wire.js";

const QUIET = 30; // milliseconds in which further edits join a request, while another runs

export class Explore {
  constructor(root, catalogue) {
    this.root = root;
    this.catalogue = catalogue;
    this.data = this.less = null;
    this.editing = new Editing((source, ahead, problem) => this.edited(source, ahead, problem), (text) => this.trouble(text));
    this.runs = new Runs(() => state.arrows, { cancelled: () => this.cancelled(), refused: () => this.refused(), trouble: (text) => this.trouble(text) });
    this.hands = new Hands(this);
    this.picture = new Picture(this, this.hands);
    this.explainer = new Explainer(this);
    this.build();
    onReconnect(() => {
      this.editing.busy = false;
      this.measure();
    });
    addEventListener("resize", () => this.show());
  }

  build() {
    this.sidebar = new Sidebar(this);
    this.error = h("p", { class: "error", id: "error", role: "alert" });
    this.downloads = h("div", {});
    const { title, element, legend, status, note, facts } = this.picture;
    const middle = h("div", { class: "middle" },
      h("div", { class: "line" }, title, h("span", { class: "grow" }), this.runs.bar, this.runs.stop),
      this.error, element, legend, status, note, facts, this.downloads);
    put(this.root, this.sidebar.left, middle, h("div", { class: "side", id: "right" }, this.sidebar.right, this.explainer.element));
  }

  get measureOf() {
    return this.catalogue.measures.find((one) => one.name === state.measure) ?? this.catalogue.measures[0];
  }

  get isGame() {
    return state.source.kind !== "level" && this.data?.model?.agents ? true : this.gameOf(state.source);
  }

  gameOf(source) {
    return source.kind === "level" ? Boolean(source.pair) : this.catalogue.games.some((one) => one.id === source.id);
  }

  get request() {
    return { source: state.source, measure: state.measure, settings: state.settings, keep: state.keep };
  }

  // Whose map it is, of two agents.
  get agent() {
    const model = this.data?.model;
    if (!model?.agents) return state.source.pair ? (state.agent ?? "human") : null;
    return model.agents[Math.max(0, new Values(this.data).agent)];
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
    state.choice = 0;
    if (source.kind !== "level") state.keep = false; // cells keep rewards, and other worlds have other states
    this.explainer.forget();
    this.editing.clear();
    this.data = null;
    this.fitMeasure();
    this.sidebar.draw();
    this.measure();
  }

  // Another measure, where the one that is chosen is not of as many agents as the world has.
  fitMeasure() {
    const game = this.gameOf(state.source);
    if (this.measureOf.game !== game) this.pick(game ? "multiagent_power" : "power", false);
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
    if (ahead) return;
    write();
    if (!problem) this.measure();
    else this.picture.stale(true);
  }

  // Asks for the map; a newer one ends an older one on the server.
  measure() {
    clearTimeout(this.timer);
    this.changedAt ??= performance.now();
    write();
    this.timer = setTimeout(() => this.send(), this.runs.running.main ? QUIET : 0);
  }

  send() {
    this.root.dataset.state = "busy";
    this.pictured = false;
    this.sentFor = this.changedAt;
    this.changedAt = undefined;
    const asked = this.runs.run("main", this.request, (data, preview) => this.arrived(data, preview));
    setTimeout(() => this.runs.running.main === asked && !this.pictured && this.picture.stale(true), 400);
    this.sidebar.linesAgain();
    if (!state.less) this.less = null;
    else this.runs.run("less", state.less, (data) => {
      this.less = data;
      this.show();
    });
  }

  arrived(data, preview) {
    this.data = data;
    if (this.sidebar.shownOf !== shape(data)) this.sidebar.drawShown();
    this.error.textContent = "";
    this.picture.stale(false);
    this.show();
    const took = (performance.now() - this.sentFor).toFixed(1);
    if (!this.pictured) this.root.dataset.latency = took;
    this.root.dataset.whole = took;
    if (data.seconds !== undefined) this.root.dataset.work = (data.seconds * 1000).toFixed(1);
    this.pictured = true;
    if (preview) return;
    this.root.dataset.state = "done";
    this.picture.drawFacts(data);
    this.explainer.again(data.model);
  }

  cancelled() {
    this.root.dataset.state = "cancelled";
    this.picture.stale(true);
    this.picture.note.textContent = "Cancelled: the map is that of before.";
  }

  refused() {
    this.root.dataset.state = "refused";
    this.picture.stale(true);
    put(this.explainer.element);
  }

  trouble(text) {
    this.error.textContent = text;
  }

  // Draws what there is.
  show(source = this.editing.ahead ?? state.source) {
    if (this.root.hidden || (!this.data && source.kind !== "level")) return;
    this.picture.draw(this.data, this.less, source);
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

  // Keeps what is shown, to compare it with what comes; or lets it go.
  pin() {
    state.less = state.less ? null : structuredClone(this.request);
    this.less = null;
    this.sidebar.drawPin();
    this.measure();
  }

  download(format) {
    return downloadResult(this.request, format).catch((error) => this.trouble(error.message));
  }

  lines(place) {
    return showLines(this.request, place).catch((error) => this.trouble(error.message));
  }

  async save(name, replace) {
    const written = await saveLevel(name, replace);
    this.show();
    return written;
  }

  async openFile(name, bytes) {
    this.open(await openedFile(name, bytes));
  }
}
