// The mouse, touch and keys on the board: tools and shortcuts become edits.

import { say } from "./dom.js";
import { state } from "./link.js";

const GLYPHS = { w: "#", f: ".", s: "S", g: "G" };
const ASKED = "An arrow key, or space for stay, takes that action out of the cell or puts it back.";

export class Hands {
  constructor(explore) {
    this.explore = explore;
    this.tool = "look";
    this.stroke = null;
    this.choosing = false;
  }

  get editing() {
    return this.explore.editing;
  }

  glyph([r, c]) {
    return (this.editing.ahead ?? state.source).rows[r]?.[c];
  }

  press(cell, event) {
    if (this.tool === "look" || !this.editing.possible) this.explore.explainer.choose(cell);
    else if (this.tool === "action") this.removeAction(cell, nearest(event));
    else if (this.tool in { human: 1, ai: 1 }) this.place(this.tool, cell);
    else {
      const glyph = GLYPHS[this.tool];
      this.stroke = { glyph: this.glyph(cell) === glyph ? "." : glyph, joined: false };
      this.drag(cell);
    }
  }

  drag(cell) {
    if (!this.stroke) return;
    const there = this.glyph(cell);
    if (there === undefined || there === this.stroke.glyph) return;
    this.editing.edit({ op: "draw", cell, glyph: this.stroke.glyph }, this.stroke.joined);
    this.stroke.joined = true;
  }

  release() {
    this.stroke = null;
  }

  place(agent, cell) {
    const old = state.source.places?.[agent];
    const again = old && old[0] === cell[0] && old[1] === cell[1];
    this.editing.edit({ op: "place", agent, cell: again ? null : cell });
  }

  removeAction(cell, action) {
    const agent = state.source.pair ? this.explore.agent : null;
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
    const acts = this.acts(cell);
    if (!(event.key in acts)) return false;
    acts[event.key]();
    return true;
  }

  acts(cell) {
    const { editing, explore } = this;
    const draw = (glyph) => editing.edit({ op: "draw", cell, glyph: this.glyph(cell) === glyph ? "." : glyph });
    const acts = {
      " ": () => draw("#"),
      s: () => draw("S"),
      g: () => draw("G"),
      x: () => {
        this.choosing = true;
        say("Which action? An arrow, or space for stay, takes it out or puts it back");
        explore.picture.note.textContent = ASKED;
      },
      r: () => editing.edit({ op: "add_row", at: cell[0] + 1 }),
      R: () => editing.edit({ op: "remove_row", at: cell[0] }),
      c: () => editing.edit({ op: "add_column", at: cell[1] + 1 }),
      C: () => editing.edit({ op: "remove_column", at: cell[1] }),
      u: () => editing.undo(),
      U: () => editing.redo(),
      "-": () => this.nudge("gamma", -0.05),
      "+": () => this.nudge("gamma", 0.05),
      "[": () => this.nudgeNoise(-0.05),
      "]": () => this.nudgeNoise(0.05),
    };
    if (!state.source.pair) return acts;
    return { ...acts, h: () => this.place("human", cell), a: () => this.place("ai", cell), o: () => explore.otherAgent() };
  }

  nudge(name, by) {
    const value = Math.min(0.99, Math.max(0.01, Math.round(((state.settings[name] ?? 0.9) + by) * 100) / 100));
    this.explore.set(name, value);
    this.explore.sidebar.drawMeasure();
  }

  nudgeNoise(by) {
    const noise = Math.min(1, Math.max(0, Math.round((state.source.noise + by) * 100) / 100));
    this.editing.edit({ op: "noise", noise });
    this.explore.sidebar.noise(noise);
  }
}

// The action whose side of the cell is closest to where the pointer is; in the middle: stay.
function nearest(event) {
  const box = event.target.closest("[data-r]").getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
  if (Math.max(Math.abs(x), Math.abs(y)) < 0.18) return "stay";
  if (Math.abs(x) > Math.abs(y)) return x > 0 ? "right" : "left";
  return y > 0 ? "down" : "up";
}
