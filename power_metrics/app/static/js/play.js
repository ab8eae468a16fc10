// Play: any registered environment by keys and touch, one player or two, step by step or against the clock.

import { download, field, h, number, options, put, say } from "./dom.js";
import { state, write } from "./link.js";
import { check, kwargsFields } from "./sidebar.js";
import { ask, onReconnect, post } from "./wire.js";

const WAITING = ["stay", "noop", "none", "done"];
const SETS = [
  { up: "ArrowUp", down: "ArrowDown", left: "ArrowLeft", right: "ArrowRight", wait: " ", first: "0" },
  { up: "w", down: "s", left: "a", right: "d", wait: "q", first: null },
];
const ALSO = { turn_left: "left", turn_right: "right", look_left: "left", look_right: "right", move_forward: "up",  forward: "up", backward: "down", north: "up", south: "down", west: "left", east: "right" };

export class Play {
  constructor(root, catalogue) {
    this.root = root;
    this.catalogue = catalogue;
    this.frame = null;
    this.held = new Set();
    this.clock = null;
    this.build();
    addEventListener("keydown", (event) => this.keydown(event));
    addEventListener("keyup", (event) => this.held.delete(event.key));
    addEventListener("blur", () => this.held.clear());
    onReconnect(() => {
      this.busy = false;
      if (this.frame) this.trouble("The connection was lost, and the episode with it. Start another.");
    });
  }

  build() {
    const { catalogue } = this;
    const families = [...new Set(catalogue.worlds.map((one) => one.family))];
    const entries = [
      ...families.map((family) => ({ group: family, entries: catalogue.worlds.filter((one) => one.family === family).map((one) => one.id) })),
      { group: "Games of two players", entries: catalogue.games.map((one) => one.id) },
      ...(catalogue.minigrid.length ? [{ group: "MiniGrid", entries: catalogue.minigrid }] : []),
    ];
    this.chooser = h("select", { id: "play-id", onchange: () => this.pick(this.chooser.value) });
    options(this.chooser, entries, state.play.id);
    this.kwargs = h("div", {});
    this.seed = h("input", { type: "text", inputmode: "numeric", id: "play-seed", value: state.play.seed ?? "", placeholder: "random" });
    this.view = h("select", { id: "play-view" });
    const begin = h("button", { type: "button", id: "play-start", class: "main", onclick: () => this.begin() }, "Start");
    this.about = h("p", { class: "quiet" });
    const left = h("div", { class: "side" }, h("h2", {}, "Environment"), field("environment", this.chooser, undefined, "field whole"), this.about, this.kwargs, field("seed of the first episode", this.seed), field("seen", this.view), begin);
    this.image = h("img", { id: "frame", alt: "", tabindex: "0" });
    this.text = h("pre", { id: "frame-text", hidden: true, tabindex: "0" });
    this.status = h("p", { class: "status", id: "play-status" });
    this.end = h("p", { class: "end", id: "play-end", role: "alert" });
    this.error = h("p", { class: "error", id: "play-error", role: "alert" });
    this.buttons = h("div", { class: "pads" });
    this.again = h("button", { type: "button", id: "play-again", hidden: true, onclick: () => this.restart() }, "Again");
    this.clockBox = check("clock runs", false, (on) => this.runClock(on), "The world moves on by itself; hold a key to act, else the agent waits.");
    this.clockBox.addEventListener("click", (event) => event.detail > 0 && event.target.tagName === "INPUT" && this.look()); // keys are for the agent again
    this.rate = h("input", { type: "number", min: 0.5, max: 60, step: 0.5, value: 8, "aria-label": "Steps a second" });
    this.rate.addEventListener("change", () => this.clock && this.runClock(true));
    this.measured = h("span", { class: "quiet", id: "play-rate" });
    this.controls = h("div", { class: "line", hidden: true }, this.again, this.clockBox, this.rate, h("span", {}, "steps a second"), this.measured);
    const middle = h("div", { class: "middle" }, this.error, h("div", { class: "screen" }, this.image, this.text), this.status, this.end, this.buttons, this.controls);
    this.saves = h("div", { hidden: true });
    this.trials = h("tbody", {});
    const log = h("div", { class: "scroll log", tabindex: "0", role: "group", "aria-label": "Trials" }, h("table", {}, h("thead", {}, h("tr", {}, ["step", "action", "reward", "ms"].map((one) => h("th", { scope: "col" }, one)))), this.trials));
    this.keysShown = h("dl", { class: "keys" });
    const right = h("div", { class: "side" }, h("h2", {}, "Keys"), this.keysShown, h("h2", {}, "Trials"), log, this.saves);
    put(this.root, left, middle, right);
    this.drawArguments();
  }

  start() {
    this.chooser.value = state.play.id;
  }

  pick(id) {
    const entry = this.catalogue.worlds.find((one) => one.id === id);
    state.play = { ...state.play, id, kwargs: { ...entry?.kwargs } };
    write();
    this.drawArguments();
  }

  drawArguments() {
    const { id, kwargs } = state.play;
    const entry = this.catalogue.worlds.find((one) => one.id === id) ?? this.catalogue.games.find((one) => one.id === id);
    this.about.textContent = entry?.summary ?? "";
    const known = entry?.observations ?? [];
    const more = typeof kwargs.observation === "string" && !known.includes(kwargs.observation) ? [kwargs.observation] : []; // such as of another size
    const kinds = [...known, ...more].map((one) => [`observation ${one}`, one.replaceAll("_", " ")]);
    const screens = known.filter((one) => one === "screen").map((one) => [`picture ${one}`, `${one}, from outside`]);
    const seen = [state.play.view, kwargs.observation].filter(Boolean).join(" ");
    options(this.view, [["picture", "the picture"], ["observation", "what the agent observes"], ...kinds, ...screens], seen);
    const fields = entry?.arguments.length ? kwargsFields(entry.arguments, kwargs, (made) => {
      state.play = { ...state.play, kwargs: made };
      write();
      this.drawArguments();
    }) : [];
    put(this.kwargs, fields.length ? h("details", { open: Object.keys(kwargs).length > 0 }, h("summary", {}, "Arguments"), fields) : null);
  }

  begin() {
    const text = this.seed.value.trim();
    const seed = text === "" ? null : Number(text);
    if (seed !== null && !(Number.isInteger(seed) && seed >= 0)) {
      this.trouble("seed: expected a whole number, or nothing for a random one");
      return;
    }
    const [seen, observation] = this.view.value.split(" ");
    const made = { ...state.play.kwargs };
    if (observation) made.observation = observation;
    if (observation === "screen") made.max_episode_steps ??= 5000; // 100 steps are seven seconds
    else if (this.view.selectedIndex < 2) delete made.observation;
    state.play = { ...state.play, id: this.chooser.value, kwargs: made, seed, view: seen };
    write();
    this.runClock(false);
    const { id, kwargs, view } = state.play;
    this.rateSet = false;
    this.send({ do: "play", id, kwargs, view, ...(seed === null ? {} : { seed }) });
  }

  restart() {
    this.send({ do: "again" });
  }

  send(message) {
    if (this.busy) return;
    this.busy = true;
    this.sentAt = performance.now();
    ask(message, (answer) => {
      this.busy = false;
      if (answer.event === "frame") this.show(answer.data);
      else if (answer.event === "error") {
        this.trouble(answer.message);
        this.chosen = [];
      }
    });
  }

  trouble(text) {
    this.error.textContent = text;
  }

  async show(frame) {
    const fresh = frame.step === 0;
    this.frame = frame;
    this.error.textContent = "";
    this.chosen = frame.players.map(() => null);
    this.times = frame.players.map(() => null);
    if (fresh) {
      this.trials.replaceChildren();
      put(this.saves);
      this.saves.hidden = true;
      this.drawKeys();
      this.controls.hidden = false;
    }
    if (fresh && !this.rateSet) {
      this.rateSet = true;
      this.rate.value = frame.rate;
      if (frame.real_time) this.runClock(true);
    }
    this.image.hidden = !frame.picture;
    this.text.hidden = Boolean(frame.picture);
    if (frame.picture) {
      this.image.src = frame.picture;
      this.image.alt = frame.board.length ? `Board: ${frame.board.join(" / ")}` : "The environment";
      this.image.classList.toggle("pixels", state.play.view === "observation");
    } else this.text.textContent = frame.text;
    if (fresh) this.look();
    const each = frame.players.length > 1;
    const returns = frame.returns.map((one, i) => `${each ? `${frame.players[i]} ` : ""}${number(one, 2)}`).join(", ");
    const reward = frame.rewards.length ? `, last reward ${frame.rewards.map((one) => number(one, 2)).join(", ")}` : "";
    this.status.textContent = `step ${frame.step}${frame.limit ? ` of ${frame.limit}` : ""}, return ${returns}${reward}`;
    this.again.hidden = frame.step === 0;
    this.end.textContent = frame.over ? `${frame.ending[0].toUpperCase()}${frame.ending.slice(1)}: return ${returns}, hidden performance ${frame.performance.map((one) => number(one, 2)).join(", ")}` : "";
    for (const [i, line] of [...this.buttons.children].entries()) {
      for (const [a, button] of [...line.querySelectorAll("button")].entries()) {
        button.disabled = frame.over || !frame.masks[i][a];
        button.classList.remove("picked");
      }
    }
    if (frame.over) {
      this.runClock(false);
      this.drawSaves();
    }
    // the time at which the picture can be seen, from which response times are measured
    if (frame.picture) await this.image.decode().catch(() => {});
    requestAnimationFrame((now) => {
      this.shownAt = now;
      if (fresh) this.began = now;
    });
    this.root.dataset.step = frame.step;
    this.root.dataset.over = frame.over;
  }

  // To what is seen, where no key has another meaning.
  look() {
    (this.frame?.picture ? this.image : this.text).focus({ preventScroll: true });
  }

  // Which key means which action, for each player.
  keys(i) {
    const names = this.frame.actions[i];
    const set = SETS[Math.min(i === 0 ? (this.frame.players.length > 1 ? 1 : 0) : 0, 1)];
    const found = new Map();
    names.forEach((name, a) => {
      const way = ALSO[name] ?? name;
      if (way in set && ["up", "down", "left", "right"].includes(way)) found.set(set[way], a);
      else if (WAITING.includes(name) && ![...found.keys()].includes(set.wait)) found.set(set.wait, a);
    });
    const digits = this.frame.players.length === 1 ? "0123456789" : i === 0 ? "12345" : "67890";
    if (this.frame.players.length === 1) names.slice(0, 10).forEach((_, a) => found.set(digits[a], a));
    else names.slice(0, 5).forEach((_, a) => found.set(digits[a], a));
    return found;
  }

  drawKeys() {
    const { players, actions } = this.frame;
    this.keyMaps = players.map((_, i) => this.keys(i));
    const shown = players.flatMap((player, i) => {
      const by = new Map();
      for (const [key, a] of this.keyMaps[i]) by.set(a, [...(by.get(a) ?? []), named(key)]);
      const rows = actions[i].map((name, a) => [h("dt", {}, (by.get(a) ?? []).join(" or ") || "button"), h("dd", {}, name)]);
      return [players.length > 1 ? h("dt", { class: "whole" }, player) : null, ...rows];
    });
    put(this.keysShown, shown);
    put(this.buttons, players.map((player, i) => {
      const pad = actions[i].map((name, a) => h("button", { type: "button", class: `pad ${name}`, onclick: () => this.act(i, a, performance.now()) }, name));
      return h("div", { class: "pad-line", role: "group", "aria-label": `Actions of ${player}` }, players.length > 1 ? h("span", {}, player) : null, pad);
    }));
  }

  keydown(event) {
    if (this.root.hidden || !this.frame || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/SELECT|TEXTAREA/.test(event.target.tagName) || (event.target.tagName === "INPUT" && event.target.type !== "checkbox")) return;
    if (/BUTTON|INPUT|SUMMARY/.test(event.target.tagName) && (event.key === " " || event.key === "Enter")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "r" && !this.keyMaps?.some((map) => map.has("r"))) {
      if (this.frame.step > 0) this.restart();
      return;
    }
    if (this.frame.over) return;
    for (const [i, map] of (this.keyMaps ?? []).entries()) {
      if (!map.has(key)) continue;
      event.preventDefault();
      this.held.add(event.key);
      if (this.clock && event.repeat) return;
      this.act(i, map.get(key), event.timeStamp);
      return;
    }
  }

  act(i, action, at) {
    if (!this.frame || this.frame.over) return;
    if (!this.frame.masks[i][action]) {
      this.trouble(`${this.frame.actions[i][action]} is not possible here`);
      return;
    }
    this.chosen[i] = action;
    this.times[i] = this.shownAt === undefined ? null : Math.max(0, at - this.shownAt);
    const line = this.buttons.children[i];
    [...line.querySelectorAll("button")].forEach((button, a) => button.classList.toggle("picked", a === action && this.frame.players.length > 1));
    if (!this.clock && this.chosen.every((one) => one !== null)) this.step();
  }

  step() {
    if (this.busy || !this.frame || this.frame.over) return false;
    const actions = this.chosen.map((one, i) => one ?? this.idle(i));
    if (actions.some((one) => one === null)) return false;
    const times = [...this.times];
    const since = (at) => (at === undefined || this.began === undefined ? null : Math.max(0, at - this.began));
    const clock = [since(this.shownAt), since(performance.now())];
    const names = actions.map((a, i) => this.frame.actions[i][a]);
    this.send({ do: "act", actions, times, clock });
    if (!this.clock || times.some((one) => one !== null)) this.logged(names, times);
    return true;
  }

  logged(names, times) {
    const step = this.frame.step + 1;
    const cell = h("td", { class: "number" });
    const row = h("tr", {}, h("td", { class: "number" }, step), h("td", {}, names.join(", ")), cell, h("td", { class: "number" }, times.map((one) => (one === null ? "–" : one.toFixed(1))).join(", ")));
    const wait = () => {
      if (!this.frame || this.frame.step < step) {
        if (this.busy) requestAnimationFrame(wait);
        return;
      }
      cell.textContent = this.frame.rewards.map((one) => number(one, 2)).join(", ");
    };
    requestAnimationFrame(wait);
    this.trials.prepend(row);
    while (this.trials.children.length > 200) this.trials.lastChild.remove();
  }

  // What an agent does that is not told to: what is held, or else nothing.
  idle(i) {
    const { masks, actions } = this.frame;
    for (const [key, a] of this.keyMaps[i]) if (this.held.has(key) && masks[i][a]) return a;
    const wait = actions[i].findIndex((name, a) => WAITING.includes(name) && masks[i][a]);
    return wait >= 0 ? wait : null;
  }

  runClock(on) {
    cancelAnimationFrame(this.clock);
    this.clock = null;
    this.clockBox.querySelector("input").checked = on;
    this.measured.textContent = "";
    if (!on) return;
    const gap = 1000 / Math.min(60, Math.max(0.5, Number(this.rate.value) || 8));
    let next = performance.now() + gap;
    const seen = [];
    const tick = (now) => {
      this.clock = requestAnimationFrame(tick);
      if (now + 2 < next) return;
      if (this.frame && !this.frame.over && !this.busy) {
        next = Math.max(next + gap, now);
        if (!this.step()) {
          seen.length = 0; // nobody acts, and there is no action that waits
          return;
        }
        seen.push(now);
        if (seen.length > 20) seen.shift();
        if (seen.length > 3) this.measured.textContent = `${(((seen.length - 1) * 1000) / (seen.at(-1) - seen[0])).toFixed(1)} measured`;
      }
    };
    this.clock = requestAnimationFrame(tick);
  }

  drawSaves() {
    const said = h("p", { class: "quiet", role: "status" });
    const base = state.play.id.replace(/.*\//, "").replace(/\W/g, "_");
    const name = h("input", { type: "text", value: `${base}-${Date.now()}`, autocomplete: "off" });
    const fetched = (suffix, use) => ask({ do: "walk", suffix }, async (answer) => {
      try {
        if (answer.event !== "walk") throw new Error(answer.message);
        await use(answer.text);
      } catch (error) {
        said.textContent = error.message;
      }
    });
    const save = (suffix) => fetched(suffix, async (text) => {
      const { written, folder } = await (await post("/api/save", { text, name: name.value + suffix })).json();
      said.textContent = `saved ${written.join(", ")} in ${folder}`;
      say("Saved");
    });
    const give = (suffix) => fetched(suffix, (text) => download(name.value + suffix, text));
    const lines = this.frame.saves.map((suffix) => h("div", { class: "line" }, h("span", { class: "grow" }, suffix === ".json" ? "log of trials (.json)" : `walk (${suffix})`), h("button", { type: "button", "data-save": suffix, onclick: () => save(suffix) }, "Save"), h("button", { type: "button", onclick: () => give(suffix) }, "Download")));
    put(this.saves, h("h3", {}, "Save the episode"), field("name", name), lines, said);
    this.saves.hidden = false;
  }
}

function named(key) {
  return { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "space" }[key] ?? key;
}
