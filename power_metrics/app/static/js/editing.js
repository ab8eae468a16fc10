// Edits of a level: drawn at once, made by the server's edit model, with undo and redo that outlive a reload.

import { state } from "./link.js";
import { ask } from "./wire.js";

const MOST = 300;
const KEPT = "powerenvs history";

export class Editing {
  constructor(changed, refused) {
    this.changed = changed;
    this.refused = refused;
    this.waiting = [];
    this.busy = false;
    this.past = [];
    this.future = [];
    this.restore();
  }

  get possible() {
    return state.source.kind === "level";
  }

  restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT));
      if (kept && JSON.stringify(state.source) === kept.now) [this.past, this.future] = [kept.past, kept.future];
    } catch {
      // of another release, or by another hand
    }
  }

  keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ now: JSON.stringify(state.source), past: this.past, future: this.future }));
    } catch {
      // the browser has no room, or does not let pages keep anything
    }
  }

  clear() {
    [this.past, this.future, this.waiting] = [[], [], []];
    this.keep();
  }

  // Makes an edit. Drawing shows at once; what the server then says is what counts.
  edit(edit, joined = false) {
    if (!this.possible) return;
    if (!joined || !this.past.length) this.mark();
    this.waiting.push(edit);
    if (edit.op === "draw") {
      const rows = [...state.source.rows];
      const [r, c] = edit.cell;
      rows[r] = rows[r].slice(0, c) + edit.glyph + rows[r].slice(c + 1);
      this.ahead = { ...(this.ahead ?? state.source), rows };
      this.changed(this.ahead, true);
    }
    this.send();
  }

  mark() {
    const now = JSON.stringify(state.source);
    if (this.past.at(-1) !== now) this.past.push(now);
    if (this.past.length > MOST) this.past.shift();
    this.future = [];
  }

  send() {
    if (this.busy || !this.waiting.length) return;
    this.busy = true;
    const edits = this.waiting.splice(0, 400);
    const { kind, name, ...world } = state.source;
    ask({ do: "edit", world, edits }, (message) => {
      this.busy = false;
      if (message.event === "error") {
        this.ahead = undefined;
        if (this.past.at(-1) === JSON.stringify(state.source)) this.past.pop();
        this.refused(message.message);
        this.changed(state.source, false);
      } else if (message.event === "world") {
        state.source = { kind, name, ...message.world };
        if (!this.waiting.length) this.ahead = undefined;
        if (this.past.at(-1) === JSON.stringify(state.source)) this.past.pop();
        this.keep();
        this.changed(this.ahead ?? state.source, Boolean(this.ahead), message.problem);
      }
      this.send();
    });
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (!from.length || this.busy) return false;
    to.push(JSON.stringify(state.source));
    state.source = JSON.parse(from.pop());
    this.keep();
    this.changed(state.source, false, "");
    return true;
  }
}
