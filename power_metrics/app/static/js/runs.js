// What is asked of the server and takes time: in slots, of which a newer request ends an older one; with progress and cancel.

import { h, say } from "./dom.js";
import { ask, forget } from "./wire.js";

const PATIENCE = 250; // milliseconds without a bar

export class Runs {
  constructor(arrows, heard) {
    this.arrows = arrows;
    this.heard = heard; // {cancelled, refused, trouble}
    this.running = { main: null, less: null, equation: null };
    this.bar = h("progress", { "aria-label": "Progress", hidden: true });
    this.stop = h("button", { type: "button", id: "cancel", hidden: true, onclick: () => this.cancel() }, "Cancel");
  }

  // Asks for a map; `done(data, preview)` gets a first look, where there is one, and then the whole.
  run(slot, request, done) {
    if (this.running[slot]) forget(this.running[slot]);
    const started = performance.now();
    const ends = () => {
      this.running[slot] = null;
      if (slot === "main") this.progress(null);
    };
    const message = { do: "explore", slot, ask: { request, arrows: slot === "main" ? this.arrows() : "none" } };
    const asked = (this.running[slot] = ask(message, (answer) => {
      if (answer.event === "progress") this.progress(answer.data, started);
      else if (answer.event === "preview") done(answer.data, true);
      else if (answer.event === "done") {
        ends();
        done(answer.data, false);
      } else if (answer.event === "error") {
        ends();
        if (slot === "main") this.heard.refused();
        this.heard.trouble(answer.message);
      }
    }));
    if (slot === "main") setTimeout(() => this.running.main === asked && this.progress({}, started), 400);
    return asked;
  }

  // Asks for the equation at a state; `done(error, data)`.
  explain(question, done) {
    if (this.running.equation) forget(this.running.equation);
    this.running.equation = ask({ do: "equation", ask: question }, (answer) => {
      this.running.equation = null;
      if (answer.event === "done") done(null, answer.data);
      else if (answer.event === "error") done(answer.message);
    });
  }

  cancel() {
    for (const slot of ["main", "less"]) {
      if (!this.running[slot]) continue;
      forget(this.running[slot]);
      this.running[slot] = null;
      ask({ do: "cancel", slot }, () => {
        this.progress(null);
        this.heard.cancelled();
        say("Cancelled");
      });
    }
  }

  progress(told, started) {
    const shown = told !== null && performance.now() - started > PATIENCE;
    this.bar.hidden = this.stop.hidden = !shown;
    if (!shown) return;
    if (told.total) {
      this.bar.max = told.total;
      this.bar.value = told.done;
      this.bar.title = `${told.title}: ${told.done.toLocaleString("en")} of ${told.total.toLocaleString("en")}`;
    } else this.bar.removeAttribute("value");
  }
}
