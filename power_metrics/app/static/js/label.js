// Label: two clips side by side, and which is better, by keys or by touch. Answers are sent until the server has them.

import { ahead, Clips } from "./clips.js";
import { field, h, number, put, say } from "./dom.js";
import { state } from "./link.js";
import { get, post } from "./wire.js";

const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "tie", ArrowDown: "incomparable" };
const NAMES = { left: "Left is better", tie: "Tie", incomparable: "Can’t tell", right: "Right is better" };
const ARROWS = { left: "←", tie: "↑", incomparable: "↓", right: "→" };
const LOOK_AGAIN = 2000; // milliseconds, where there is no pair
const AGREE_AGAIN = 10000;
const LONGEST = 8000; // between two tries to reach the server

// What a tab keeps over a reload: who rates, and an answer that the server may not have.
const kept = {
  get(name) {
    try {
      return JSON.parse(sessionStorage.getItem(`powerenvs ${name}`));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value === null) sessionStorage.removeItem(`powerenvs ${name}`);
      else sessionStorage.setItem(`powerenvs ${name}`, JSON.stringify(value));
    } catch {
      // pages may not keep anything here
    }
  },
};

export class Label {
  constructor(root) {
    this.root = root;
    this.rater = null;
    this.pair = null;
    this.shownAt = null;
    this.answers = 0;
    this.build();
    addEventListener("keydown", (event) => this.keydown(event));
  }

  build() {
    this.canvases = [0, 1].map(() => h("canvas", { role: "img", "aria-label": "clip", hidden: true }));
    this.troubles = [0, 1].map(() => h("p", { class: "error" }));
    this.progress = h("progress", { max: 1, value: 0, "aria-label": "How far the clips are" });
    this.clips = new Clips(this.canvases, (step, most) => {
      this.progress.max = Math.max(1, most);
      this.progress.value = step;
    });
    this.captions = [0, 1].map(() => h("figcaption", { class: "quiet" }));
    const sides = this.canvases.map((canvas, i) => h("figure", { class: "clip" }, canvas, this.troubles[i], this.captions[i]));
    this.answer = {};
    const buttons = ["left", "tie", "incomparable", "right"].map((label) => {
      const made = h("button", { type: "button", class: "pad", "data-label": label, "aria-keyshortcuts": Object.keys(KEYS).find((key) => KEYS[key] === label), onclick: () => this.choose(label) }, h("span", { "aria-hidden": "true" }, `${ARROWS[label]} `), NAMES[label]);
      this.answer[label] = made;
      return made;
    });
    this.undo = h("button", { type: "button", id: "label-undo", "aria-keyshortcuts": "u", onclick: () => this.back() }, "Undo (u)");
    this.pause = h("button", { type: "button", id: "label-pause", onclick: () => this.run(!this.clips.running) });
    this.speed = h("input", { type: "range", id: "label-speed", min: 1, max: 20, value: this.clips.speed });
    this.speed.addEventListener("input", () => {
      this.clips.speed = Number(this.speed.value);
    });
    this.leave = h("button", { type: "button", id: "label-leave", onclick: () => this.intro() }, "Stop");
    this.note = h("p", { class: "status", id: "label-note", role: "status" });
    this.error = h("p", { class: "error", id: "label-error", role: "alert" });
    this.goOn = h("button", { type: "button", id: "label-go-on", class: "main", hidden: true, onclick: () => this.next() }, "Go on");
    this.desk = h("div", { hidden: true }, h("div", { class: "clips" }, sides), this.progress, h("div", { class: "answers" }, buttons),
      h("div", { class: "line" }, this.undo, this.pause, this.leave), field("frames a second", this.speed));
    this.name = h("input", { type: "text", id: "label-rater", maxlength: 80, autocomplete: "off", value: remembered() });
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && this.begin());
    this.start_ = h("button", { type: "button", id: "label-begin", class: "main", onclick: () => this.begin() }, "Begin");
    const practice = h("button", { type: "button", id: "label-practice", onclick: () => this.practise() }, "Try it with made-up clips");
    this.missing = h("p", { class: "quiet" });
    this.door = h("div", { class: "door" }, h("h2", {}, "Which clip is better?"), this.missing, field("your name", this.name), h("div", { class: "line" }, this.start_, practice));
    this.instructions = h("div", { class: "instructions", id: "label-instructions" });
    this.counts = h("dl", { class: "keys", id: "label-counts" });
    this.agreement = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Agreement" });
    this.agreeing = h("details", { id: "label-agreement", hidden: true, ontoggle: () => this.there && this.agreeing.open && this.agree() }, h("summary", {}, "Agreement"), this.agreement);
    const keys = h("dl", { class: "keys" }, Object.entries(NAMES).map(([label, name]) => [h("dt", {}, ARROWS[label]), h("dd", {}, name)]), h("dt", {}, "u"), h("dd", {}, "undo"), h("dt", {}, "space"), h("dd", {}, "pause"));
    const side = h("div", { class: "side" }, h("h2", {}, "What is wanted"), this.instructions, h("h2", {}, "Keys"), keys, h("h2", {}, "So far"), this.counts, this.agreeing);
    put(this.root, h("div", { class: "middle" }, this.error, this.note, this.goOn, this.door, this.desk), side);
    this.run(this.clips.running);
    this.to("intro");
  }

  // Shows the view: goes on where this tab was, or asks who rates.
  async start() {
    if (this.started) return;
    this.started = true;
    try {
      const about = await (await get("/api/label")).json();
      this.there = about.there;
      this.instructions.textContent = about.instructions;
      this.count(about.counts);
    } catch (error) {
      this.started = false;
      this.error.textContent = error.message;
      return;
    }
    this.missing.textContent = this.there ? "" : "No comparisons are open: start with powerenvs app --labels FILE. Made-up clips are here to try the page with.";
    this.start_.disabled = this.name.disabled = !this.there;
    this.agreeing.hidden = !this.there;
    const rater = kept.get("rater");
    if (this.there && rater) {
      this.name.value = rater;
      this.begin();
    }
  }

  to(name) {
    this.state = this.root.dataset.state = name;
    const open = name === "ready";
    for (const button of Object.values(this.answer)) button.disabled = !open;
    this.door.hidden = name !== "intro";
    this.desk.hidden = name === "intro" || name === "waiting";
    this.goOn.hidden = name !== "released";
    this.undo.disabled = !open && name !== "waiting" && name !== "released";
    if (this.practising) this.undo.disabled ||= !this.practised;
    else this.undo.disabled ||= !this.last;
  }

  intro() {
    clearTimeout(this.timer);
    this.rater = null;
    this.practising = false;
    kept.set("rater", null);
    this.clips.clear();
    this.note.textContent = "";
    this.to("intro");
    this.name.focus();
  }

  begin() {
    const rater = this.name.value.trim();
    if (!rater) {
      this.error.textContent = "your name: expected some letters";
      this.name.focus();
      return;
    }
    this.error.textContent = "";
    this.rater = rater;
    this.answers = 0;
    this.since = performance.now();
    kept.set("rater", rater);
    try {
      localStorage.setItem("powerenvs rater", rater);
    } catch {
      // pages may not keep anything here
    }
    const pending = kept.get("answer");
    if (pending?.rater === rater) this.send("answer", pending);
    else this.next();
  }

  next() {
    if (this.practising) this.practise();
    else this.send("next", { rater: this.rater });
  }

  practise() {
    if (!this.practising) this.practised = 0;
    this.practising = true;
    this.send("practice", { number: this.practised });
  }

  choose(label) {
    if (this.state !== "ready") return;
    const seconds = (performance.now() - this.shownAt) / 1000;
    say(`${NAMES[label]}.`);
    if (this.practising) {
      this.practised += 1;
      this.practise();
      return;
    }
    const answer = { rater: this.rater, pair: this.pair, label, seconds };
    kept.set("answer", answer);
    this.answers += 1;
    this.send("answer", answer);
  }

  back() {
    if (this.undo.disabled) return;
    say("Undone.");
    if (this.practising) {
      this.practised -= 1;
      this.practise();
      return;
    }
    this.answers = Math.max(0, this.answers - 1);
    this.send("undo", { rater: this.rater, comparison: this.last });
  }

  // Sends until there is an answer: a server that is away for a while loses nothing.
  async send(what, body) {
    const sent = (this.sent = Symbol(what));
    clearTimeout(this.timer);
    this.shownAt = null;
    this.sentAt = performance.now();
    this.to("busy");
    for (let delay = 250; ; delay = Math.min(LONGEST, 2 * delay)) {
      try {
        const found = await (await post(`/api/label/${what}`, body)).json();
        if (what === "answer") kept.set("answer", null);
        if (sent !== this.sent) return;
        await this.show(found);
        if (sent === this.sent && !this.practising) this.error.textContent = "";
        return;
      } catch (error) {
        if (sent !== this.sent) return;
        if (!(error instanceof TypeError)) { // the server has refused
          if (what === "answer") kept.set("answer", null);
          this.error.textContent = error.message;
          if (what === "answer" || what === "undo") this.next();
          else this.intro();
          return;
        }
        this.error.textContent = what === "answer" ? "No connection to the server. Your answer is kept, and sent again." : "No connection to the server; trying again.";
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  async show(found) {
    this.last = found.last ?? null;
    this.pair = found.pair;
    this.root.dataset.pair = found.pair ?? "";
    if (found.pair === null) {
      this.clips.clear();
      this.note.textContent = "No pairs to compare now. The page looks again every two seconds.";
      this.to("waiting");
      this.tally();
      this.timer = setTimeout(() => this.state === "waiting" && this.next(), LOOK_AGAIN);
      return;
    }
    const pair = [found.left, found.right];
    const sent = this.sent;
    if (!(await this.clips.show(pair)) || sent !== this.sent) return;
    this.troubles.forEach((place, i) => {
      place.textContent = pair[i].trouble ?? "";
      const steps = pair[i].frames ? `, ${pair[i].frames.length - 1} steps${pair[i].ended ? ", then it was over" : ""}` : "";
      this.captions[i].textContent = `${i ? "right" : "left"}${steps}`;
    });
    this.note.textContent = found.taken || (this.practising ? `Made-up pair ${this.practised + 1}; nothing is kept.` : "");
    // The time runs from the frame in which both are seen.
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    this.shownAt = performance.now();
    this.root.dataset.took = this.shownAt - this.sentAt;
    this.root.dataset.answers = this.answers;
    this.to("ready");
    this.tally();
    ahead(found.soon ?? []);
    if (found.lease) this.timer = setTimeout(() => this.release(), 1000 * found.lease);
  }

  release() {
    if (this.state !== "ready") return;
    this.note.textContent = "Two minutes without an answer: the pair may go to another rater.";
    this.to("released");
    this.goOn.focus();
  }

  run(on) {
    this.clips.running = on;
    this.pause.textContent = on ? "Pause (space)" : "Run (space)";
  }

  // What takes the server longer comes after the pair.
  async tally() {
    if (this.practising) return;
    try {
      this.count(await (await get(`/api/label/counts?rater=${encodeURIComponent(this.rater)}`)).json());
    } catch {
      // the next pair brings it
    }
    if (this.agreeing.open && performance.now() - this.agreed > AGREE_AGAIN) this.agree();
  }

  count(counts) {
    if (!counts) return;
    const minutes = (performance.now() - this.since) / 60000;
    const rows = [
      ["yours", counts.mine],
      ["all", counts.comparisons],
      ["raters", counts.raters],
      ["still open", counts.open + counts.leased],
      ["in the last hour", counts.last_hour],
      ["a minute, you", this.answers > 1 ? number(this.answers / minutes, 3) : undefined],
      ["seconds each", counts.seconds === null ? undefined : number(counts.seconds, 3)],
    ];
    put(this.counts, rows.filter(([, value]) => value !== undefined).map(([name, value]) => [h("dt", { "data-count": name }, String(value)), h("dd", {}, name)]));
  }

  async agree() {
    this.agreed = performance.now();
    try {
      const { agreement } = await (await get("/api/label/agreement")).json();
      if (!agreement.length) {
        put(this.agreement, h("p", { class: "quiet" }, "No two answers about the same two clips yet."));
        return;
      }
      const rows = agreement.map((one) => {
        const [first, second] = one.raters;
        const who = first === second ? `${first}, with oneself` : `${first} and ${second}`;
        return h("tr", {}, h("th", { scope: "row" }, who), h("td", { class: "number" }, String(one.pairs)), h("td", { class: "number" }, `${Math.round(100 * one.agreement)} %`), h("td", { class: "number" }, number(one.kappa, 2)));
      });
      put(this.agreement, h("table", {}, h("thead", {}, h("tr", {}, ["raters", "pairs", "same", "kappa"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)));
    } catch (error) {
      put(this.agreement, h("p", { class: "error" }, error.message));
    }
  }

  keydown(event) {
    if (state.view !== "label" || this.state === "intro" || event.altKey || event.shiftKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const undo = (event.ctrlKey || event.metaKey) ? event.key === "z" : event.key === "u";
    if ((event.ctrlKey || event.metaKey) && !undo) return;
    if (undo) this.back();
    else if (event.key in KEYS) {
      if (!event.repeat) this.choose(KEYS[event.key]); // a key that is held down is one answer
    } else if (event.key === " " && !/^(BUTTON|SUMMARY)$/.test(event.target.tagName)) this.run(!this.clips.running);
    else return;
    event.preventDefault();
  }
}

function remembered() {
  try {
    return localStorage.getItem("powerenvs rater") ?? "";
  } catch {
    return "";
  }
}
