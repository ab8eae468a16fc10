// What stands beside the map: the world and its tools, the measure and its settings, downloads.

import * as controls from "./controls.js";
import { field, h, options, put } from "./dom.js";
import { listFiles } from "./files.js";
import { level, state, write } from "./link.js";
import { Values, columns, mapOf, placeOf, shape } from "./values.js";

const TOOLS = [
  ["look", "Explain", "click a cell for its equation"],
  ["w", "Wall", "draw walls; again: floor"],
  ["f", "Floor", "draw floor"],
  ["s", "Start", "draw starts"],
  ["g", "Goal", "draw goals"],
  ["action", "One-way", "click near a side of a cell (or its middle, for stay) to take that action out, or to put it back"],
];
const PAIR_TOOLS = [
  ["human", "Human", "where the human starts; again: anywhere"],
  ["ai", "AI", "where the AI starts; again: anywhere"],
];
const HELP = [
  ["arrows", "move the cursor on the board"], ["space", "a wall, or floor again"], ["s g", "a start or a goal; again: floor"],
  ["x, then an arrow or space", "take an action out of the cell, or put it back"], ["r R c C", "add or remove a row, a column"],
  ["ctrl+s ctrl+o", "save, open"], ["- +", "less or more gamma"], ["[ ]", "less or more noise"], ["u U", "undo, redo; also ctrl+z, ctrl+y"], ["Enter", "the equation of the cell"],
  ["h a o", "two agents: where they start, and whose map it is"],
];

export class Sidebar {
  constructor(explore) {
    this.explore = explore;
    this.left = h("div", { class: "side", id: "left" });
    this.right = h("div", {});
  }

  draw() {
    this.drawWorld();
    this.drawMeasure();
  }

  drawWorld() {
    const { explore } = this;
    const { catalogue } = explore;
    const { source } = state;
    const families = [...new Set(catalogue.worlds.map((one) => one.family))];
    const entries = [
      { group: "Levels to edit", entries: Object.keys(catalogue.levels).map((name) => [`level ${name}`, name]) },
      ...families.map((family) => ({ group: family, entries: catalogue.worlds.filter((one) => one.family === family).map((one) => [`id ${one.id}`, one.id]) })),
      { group: "Games of two agents", entries: catalogue.games.map((one) => [`id ${one.id}`, one.id]) },
      { group: "Graphs", entries: catalogue.graphs.map((one) => [`id ${one}`, one]) },
    ];
    const chosen = source.kind === "level" ? `level ${source.name}` : source.kind === "id" ? `id ${source.id}` : "file";
    if (source.kind === "file" || (source.kind === "level" && !(source.name in catalogue.levels))) {
      entries.unshift([source.kind === "file" ? "file" : chosen, source.name ?? "level"]);
    }
    const world = h("select", { id: "world", onchange: (event) => this.choose(event.target.value) });
    options(world, entries, chosen);
    const parts = [h("h2", {}, "World"), field("world", world, undefined, "field whole")];
    if (source.kind === "level") parts.push(...this.editor(source));
    else if (source.kind === "id") parts.push(this.arguments(source));
    parts.push(this.filesPart());
    put(this.left, parts);
    this.drawHistory();
  }

  choose(value) {
    const [kind, ...rest] = value.split(" ");
    const name = rest.join(" ");
    if (kind === "level") {
      const { noise, walls, pair, overlaps } = state.source.kind === "level" ? state.source : {};
      this.explore.open(level(name, this.explore.catalogue.levels[name], { noise: noise ?? 0, walls: walls ?? "bump", pair: pair ?? false, overlaps: overlaps ?? true }));
    } else if (kind === "id") {
      const entry = this.explore.catalogue.worlds.find((one) => one.id === name);
      this.explore.open({ kind: "id", id: name, kwargs: { ...entry?.kwargs } });
    }
  }

  editor(source) {
    const { explore } = this;
    const tools = [...TOOLS, ...(source.pair ? PAIR_TOOLS : [])].map(([name, label, help]) => {
      const input = h("input", { type: "radio", name: "tool", value: name, checked: explore.hands.tool === name, onchange: () => (explore.hands.tool = name) });
      return h("label", { class: "tool", title: help }, input, h("span", {}, label));
    });
    this.undo = h("button", { type: "button", id: "undo", onclick: () => explore.editing.undo() }, "Undo");
    this.redo = h("button", { type: "button", id: "redo", onclick: () => explore.editing.redo() }, "Redo");
    this.drawnOf = kindOf(source);
    this.sizeShown = h("legend", {}, sizeOf(source));
    const cursor = () => explore.picture.board.cursor;
    const sizes = h("div", { class: "line" },
      h("button", { type: "button", title: "a row below the cursor", onclick: () => explore.editing.edit({ op: "add_row", at: cursor()[0] + 1 }) }, "+ row"),
      h("button", { type: "button", title: "remove the cursor's row", onclick: () => explore.editing.edit({ op: "remove_row", at: cursor()[0] }) }, "− row"),
      h("button", { type: "button", title: "a column right of the cursor", onclick: () => explore.editing.edit({ op: "add_column", at: cursor()[1] + 1 }) }, "+ column"),
      h("button", { type: "button", title: "remove the cursor's column", onclick: () => explore.editing.edit({ op: "remove_column", at: cursor()[1] }) }, "− column"));
    this.noiseInput = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: source.noise });
    this.noiseShown = h("output", {}, source.noise);
    this.noiseInput.addEventListener("input", () => {
      this.noiseShown.textContent = this.noiseInput.value;
      explore.editing.edit({ op: "noise", noise: Number(this.noiseInput.value) }, this.sliding);
      this.sliding = true;
    });
    this.noiseInput.addEventListener("change", () => (this.sliding = false));
    const noise = field("noise", this.noiseInput, "probability that is spread over all open directions");
    noise.append(this.noiseShown);
    const walls = h("select", { onchange: (event) => this.change({ walls: event.target.value }) });
    options(walls, ["bump", "absent"], source.walls);
    const pair = check("two agents", source.pair, (on) => this.change({ pair: on, overlaps: true, removed: [], places: {} }));
    const overlaps = source.pair ? check("may share a cell", source.overlaps, (on) => this.change({ overlaps: on })) : null;
    const keys = h("details", {}, h("summary", {}, "Keys on the board"), h("dl", { class: "keys" }, HELP.map(([key, what]) => [h("dt", {}, key), h("dd", {}, what)])));
    return [
      h("fieldset", { class: "tools" }, this.sizeShown, tools),
      h("div", { class: "line" }, this.undo, this.redo),
      sizes, noise, field("walls", walls, "bump: a move into a wall stays where it is; absent: there is no such move"), pair, overlaps, this.textPart(source), keys,
    ];
  }

  // Changes how a level is a world: as an edit that can be undone.
  change(what) {
    const { explore } = this;
    explore.editing.mark();
    state.source = { ...state.source, ...what };
    state.state = state.other = null;
    explore.editing.keep();
    explore.data = null;
    explore.fitMeasure();
    this.draw();
    explore.measure();
  }

  textPart(source) {
    const area = h("textarea", { rows: Math.min(14, source.rows.length + 1), cols: 20, spellcheck: "false", "aria-label": "Level text" });
    area.value = source.rows.join("\n");
    this.area = area;
    const take = () => {
      const rows = area.value.replaceAll("\r", "").split("\n").map((row) => row.trimEnd());
      while (rows.length && !rows.at(-1)) rows.pop();
      while (rows.length && !rows[0]) rows.shift();
      const { noise, walls, pair, overlaps } = state.source;
      this.explore.open(level("level", rows, { noise, walls, pair, overlaps }));
    };
    return h("details", { id: "text", ontoggle: () => (area.value = state.source.rows.join("\n")) }, h("summary", {}, "Level as text"), area, h("button", { type: "button", onclick: take }, "Use this text"));
  }

  arguments(source) {
    const { catalogue } = this.explore;
    const entry = catalogue.worlds.find((one) => one.id === source.id) ?? catalogue.games.find((one) => one.id === source.id);
    const made = [h("p", { class: "quiet" }, entry?.summary ?? "")];
    if (entry?.arguments.length) made.push(h("details", {}, h("summary", {}, "Arguments"), kwargsFields(entry.arguments, source.kwargs, (kwargs) => this.explore.open({ ...source, kwargs }))));
    return h("div", {}, made);
  }

  filesPart() {
    const { explore } = this;
    const said = h("p", { class: "quiet", role: "status" });
    const list = h("select", { "aria-label": "Saved files" });
    const fill = async () => {
      const { folder, files } = await listFiles();
      const shown = files.filter((one) => /\.(txt|npz|gv|dot)$/.test(one.name));
      options(list, shown.length ? shown.map((one) => one.name) : [["", "none yet"]]);
      said.textContent = `in ${folder}`;
    };
    const guarded = async (work) => {
      try {
        await work();
      } catch (error) {
        said.textContent = error.message;
      }
    };
    const name = h("input", { type: "text", id: "save-name", value: `${(state.source.name ?? "level").replace(/\.\w+$/, "")}.txt`, autocomplete: "off" });
    const replace = h("input", { type: "checkbox" });
    const save = h("button", { type: "button", id: "save", onclick: () => guarded(async () => {
      said.textContent = `saved ${(await explore.save(name.value, replace.checked)).join(" and ")}`;
    }) }, "Save");
    const open = h("button", { type: "button", onclick: () => guarded(() => list.value && explore.openFile(list.value)) }, "Open");
    const picker = h("input", { type: "file", accept: ".txt,.npz,.gv,.dot", "aria-label": "Open a file of this computer" });
    picker.addEventListener("change", () => guarded(async () => {
      const [file] = picker.files;
      if (file) await explore.openFile(file.name.replace(/[^\w.\- ]/g, "_"), await base64(file));
    }));
    const parts = [h("summary", {}, "Files"), h("div", { class: "line" }, list, open), field("from this computer (.txt, .npz, .gv)", picker)];
    if (state.source.kind === "level") parts.push(field("save the level as", name), h("div", { class: "line" }, save, h("label", {}, replace, " replace")));
    return h("details", { id: "files", ontoggle: (event) => event.target.open && guarded(fill) }, parts, said);
  }

  // Opens the part with files, at the name to save as or at the list to open from.
  files(key) {
    const part = document.getElementById("files");
    part.open = true;
    (key === "s" ? part.querySelector("#save-name") : part.querySelector("select"))?.focus();
  }

  // After an edit, an undo or a redo.
  drawHistory() {
    const { explore } = this;
    if (state.source.kind !== "level" || !this.undo) return;
    if (this.drawnOf !== kindOf(state.source)) {
      explore.data = null; // of as many agents as there were
      explore.fitMeasure();
      this.draw();
      return;
    }
    this.undo.disabled = !explore.editing.past.length;
    this.redo.disabled = !explore.editing.future.length;
    this.sizeShown.textContent = sizeOf(state.source);
    if (document.activeElement !== this.noiseInput) this.noise(state.source.noise);
  }

  noise(value) {
    this.noiseInput.value = value;
    this.noiseShown.textContent = value;
  }

  drawMeasure() {
    const { explore } = this;
    const game = explore.isGame;
    const measures = explore.catalogue.measures.filter((one) => one.game === game);
    const measure = h("select", { id: "measure", onchange: (event) => explore.pick(event.target.value) });
    options(measure, measures.map((one) => [one.name, one.name.replaceAll("_", " ")]), state.measure);
    const known = explore.measureOf;
    const parts = [h("h2", {}, "Measure"), field("measure", measure, known.description), h("p", { class: "quiet" }, known.summary)];
    parts.push(...controls.draw(known, state.settings, (name, value) => explore.set(name, value)));
    if (["power", "multiagent_power"].includes(state.measure) && state.source.kind === "level") {
      parts.push(check("each cell keeps its rewards over edits", state.keep, (on) => {
        state.keep = on;
        explore.measure();
      }, "Rewards come from the seed and the cell alone, so that an edit changes the dynamics and not the draws."));
    }
    this.shownBox = h("div", {});
    parts.push(this.shownBox);
    this.pinned = h("div", {});
    parts.push(this.pinned);
    put(this.right, parts);
    put(explore.downloads, this.downloads());
    this.drawPin();
    this.drawShown();
  }

  // The choices of what is shown, which follow from the result.
  drawShown() {
    this.shownOf = shape(this.explore.data);
    put(this.shownBox, this.shownPart(this.explore.isGame));
  }

  shownPart(game) {
    const { explore } = this;
    const { data } = explore;
    const parts = [];
    const names = columns(data);
    if (names.length > 1) {
      const column = h("select", { id: "column", onchange: (event) => {
        state.column = event.target.value;
        state.choice = 0;
        write();
        this.drawMeasure();
        explore.show();
      } });
      options(column, names.map((one) => [one, one.replaceAll("_", " ")]), mapOf(data)?.column);
      parts.push(field("shown", column));
    }
    const map = mapOf(data)?.map;
    if (map?.choices.length) {
      const choice = h("select", { id: "choice", onchange: (event) => {
        state.choice = Number(event.target.value);
        write();
        explore.show();
      } });
      options(choice, map.choices.map((one, i) => [String(i), one]), String(state.choice));
      parts.push(field(map.dims[1], choice));
    }
    if (game && data?.model.cells) {
      const cells = [...new Map(data.model.cells.map((one) => [JSON.stringify(one[1]), one[1]])).entries()];
      const place = placeOf(data.model.agents, new Values(data).agent);
      const first = place ? `in its place (${place.join(", ")})` : "anywhere (mean)";
      const more = place ? [['"any"', "anywhere (mean)"]] : [];
      const other = h("select", { id: "other", onchange: (event) => {
        state.other = JSON.parse(event.target.value);
        write();
        explore.show();
      } });
      options(other, [["null", first], ...more, ...cells.map(([key, cell]) => [key, `(${cell.join(", ")})`])], JSON.stringify(state.other));
      parts.push(field("the other agent is", other));
    }
    if (!game) {
      const arrows = h("select", { id: "arrows", onchange: (event) => {
        state.arrows = event.target.value;
        explore.measure();
      } });
      options(arrows, [["none", "none"], ["task", "optimal for the task's reward"], ["seeking", "to the most of what is measured"]], state.arrows);
      parts.push(field("arrows", arrows));
    }
    return parts;
  }

  drawPin() {
    const { less } = state;
    const text = less ? "Stop comparing" : "Pin to compare";
    const button = h("button", { type: "button", id: "pin", onclick: () => this.explore.pin() }, text);
    const settings = less ? Object.entries(less.settings).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ") : "";
    put(this.pinned, h("div", { class: "line" }, button), less ? h("p", { class: "quiet" }, `shown less ${less.measure}(${settings})${less.source.noise ? `, noise ${less.source.noise}` : ""}, the pinned one; now change the world or a setting`) : null);
  }

  downloads() {
    const { explore } = this;
    const lines = h("div", {});
    const buttons = ["png", "svg", "csv", "json", "npz", "py"].map((one) => h("button", { type: "button", "data-format": one, onclick: () => explore.download(one) }, one.toUpperCase()));
    return h("div", {}, h("h3", {}, "Download"), h("div", { class: "line" }, buttons), (this.linesPart = h("details", { id: "lines", ontoggle: () => this.linesAgain() }, h("summary", {}, "Python lines"), (this.lines = lines))));
  }

  // Of what is shown now, not of what was.
  linesAgain() {
    if (this.linesPart?.open) this.explore.lines(this.lines);
  }
}

// What of a level is not drawn on its board.
function kindOf(source) {
  return JSON.stringify([source.walls, source.pair, source.overlaps]);
}

function sizeOf(source) {
  return `Edit, ${source.rows.length} × ${source.rows[0].length}`;
}

export function check(label, on, change, help) {
  const input = h("input", { type: "checkbox", checked: Boolean(on), onchange: (event) => change(event.target.checked) });
  return h("label", { class: "check", title: help }, input, h("span", {}, label));
}

export function kwargsFields(args, kwargs, change) {
  return args.map((one) => {
    const value = kwargs[one.name];
    const input = h("input", { type: "text", value: value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value), placeholder: one.default === null ? "default" : String(one.default), autocomplete: "off", spellcheck: "false" });
    input.addEventListener("change", () => {
      const made = { ...kwargs };
      delete made[one.name];
      const text = input.value.trim();
      if (text) {
        try {
          made[one.name] = JSON.parse(text);
        } catch {
          made[one.name] = text.replaceAll("\\n", "\n");
        }
      }
      change(made);
    });
    return field(one.name.replaceAll("_", " "), input, one.meaning);
  });
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(new Error("the file cannot be read")));
    reader.readAsDataURL(file);
  });
}
