// A board as a grid of cells that can be reached by keys and is read aloud, coloured by numbers.

import { css, ink } from "./colours.js";
import { h, number, svg } from "./dom.js";

const MEANINGS = { "#": "wall", ".": "floor", S: "start", G: "goal", " ": "floor" };
const QUIET = 60; // milliseconds
const UNIT = { up: [-1, 0], down: [1, 0], left: [0, -1], right: [0, 1], stay: [0, 0] };

export class Board {
  // listeners: press(cell, event), enter(cell, event), release(), choose(cell), key(event, cell), point(cell or null)
  constructor(listeners) {
    this.listeners = listeners;
    this.element = h("div", { class: "board", role: "grid", "aria-label": "Board; arrow keys move, Enter explains a cell" });
    this.cells = [];
    this.cursor = [0, 0];
    this.rows = [];
    this.element.addEventListener("keydown", (event) => this.keydown(event));
    this.element.addEventListener("focusin", (event) => {
      const cell = this.at(event.target);
      if (cell && (cell[0] !== this.cursor[0] || cell[1] !== this.cursor[1])) this.move(cell, false);
    });
    this.element.addEventListener("pointerdown", (event) => {
      const cell = this.at(event.target);
      if (!cell || event.button !== 0) return;
      event.target.closest("[data-r]")?.releasePointerCapture?.(event.pointerId);
      this.move(cell, false);
      listeners.press?.(cell, event);
    });
    this.element.addEventListener("pointermove", (event) => {
      const under = event.pointerType === "touch" ? document.elementFromPoint(event.clientX, event.clientY) : event.target;
      const cell = this.at(under);
      listeners.point?.(cell);
      if (cell && event.buttons) listeners.enter?.(cell, event);
    });
    this.element.addEventListener("pointerleave", () => listeners.point?.(null));
    addEventListener("pointerup", () => listeners.release?.());
  }

  at(element) {
    const found = element?.closest?.("[data-r]");
    return found && this.element.contains(found) ? [Number(found.dataset.r), Number(found.dataset.c)] : null;
  }

  keydown(event) {
    const way = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" }[event.key];
    if (this.listeners.key?.(event, this.cursor)) {
      event.preventDefault();
      return;
    }
    if (way) {
      event.preventDefault();
      const [r, c] = this.cursor;
      const [down, right] = UNIT[way];
      const to = [Math.max(0, Math.min(this.rows.length - 1, r + down)), Math.max(0, Math.min(this.rows[0].length - 1, c + right))];
      this.move(to, true);
      this.listeners.point?.(to);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.listeners.choose?.(this.cursor);
    }
  }

  move(to, focus) {
    const [r, c] = this.cursor;
    this.cells[r]?.[c]?.element.setAttribute("tabindex", "-1");
    this.cursor = to;
    const there = this.cells[to[0]]?.[to[1]]?.element;
    there?.setAttribute("tabindex", "0");
    if (there) this.label(...to);
    if (focus) there?.focus();
  }

  // Draws a board.
  // view: {rows, values(r, c) -> {value, error, text} or null, scale, removed, places, starts, arrows(r, c), chosen, glyphs}
  draw(view) {
    const { rows } = view;
    const same = rows.length === this.rows.length && rows[0].length === this.rows[0]?.length;
    if (!same) this.build(rows.length, rows[0].length);
    this.rows = rows;
    this.view = view;
    const size = this.size(rows.length, rows[0].length);
    if (size !== this.drawnSize || !same) this.element.style.setProperty("--cell", `${size}px`);
    this.drawnSize = size;
    this.element.classList.toggle("small", size < 34);
    this.element.classList.toggle("tiny", size < 20);
    this.element.classList.toggle("stale", Boolean(view.stale));
    const digits = size >= 52 ? 3 : 2;
    for (let r = 0; r < rows.length; r += 1) for (let c = 0; c < rows[0].length; c += 1) this.paint(r, c, view, digits, size);
    const [r, c] = this.cursor;
    this.move([Math.min(r, rows.length - 1), Math.min(c, rows[0].length - 1)], false);
    clearTimeout(this.later); // what is read aloud follows the picture, which it would double the time of
    this.later = setTimeout(() => rows.forEach((line, r) => [...line].forEach((_, c) => this.label(r, c))), QUIET);
  }

  size(rows, columns) {
    const room = this.element.parentElement;
    const width = (room?.clientWidth || 600) - 34;
    const height = Math.max(280, innerHeight - 250);
    return Math.max(13, Math.min(68, Math.floor(width / columns), Math.floor(height / rows)));
  }

  build(rows, columns) {
    this.element.replaceChildren();
    this.element.style.setProperty("--columns", columns);
    this.element.setAttribute("aria-rowcount", rows);
    this.element.setAttribute("aria-colcount", columns);
    this.cells = [];
    const head = h("div", { class: "row head", "aria-hidden": "true" }, h("span", { class: "corner" }));
    for (let c = 0; c < columns; c += 1) head.append(h("span", { class: "label" }, c));
    this.element.append(head);
    for (let r = 0; r < rows; r += 1) {
      const row = h("div", { class: "row", role: "row", "aria-rowindex": r + 1 }, h("span", { class: "label", "aria-hidden": "true" }, r));
      const line = [];
      for (let c = 0; c < columns; c += 1) {
        const glyph = h("span", { class: "glyph", "aria-hidden": "true" });
        const text = h("span", { class: "value", "aria-hidden": "true" });
        const marks = svg("svg", { viewBox: "-50 -50 100 100", "aria-hidden": "true" });
        const element = h("div", { class: "cell", role: "gridcell", tabindex: "-1", "data-r": r, "data-c": c, "aria-colindex": c + 1 }, marks, glyph, text);
        row.append(element);
        line.push({ element, glyph, text, marks, drawn: "" });
      }
      this.cells.push(line);
      this.element.append(row);
    }
  }

  paint(r, c, view, digits, size) {
    const cell = this.cells[r][c];
    const glyph = view.rows[r][c];
    const found = view.values(r, c);
    const wall = glyph === "#";
    const arrows = view.arrows?.(r, c) ?? [];
    const removed = view.removed?.(r, c) ?? [];
    const places = view.places?.(r, c) ?? [];
    const chosen = view.chosen && view.chosen[0] === r && view.chosen[1] === c;
    let colour = null;
    let below = false;
    if (found && found.value !== null && Number.isFinite(found.value)) {
      below = found.outside;
      colour = below ? [24, 24, 28] : view.scale.colour(found.value);
    }
    const text = colour ? (view.difference && found.value > 0 ? "+" : "") + number(found.value, digits) : "";
    const key = JSON.stringify([glyph, colour, text, arrows, removed, places, chosen, size, view.names]);
    if (key !== cell.drawn) {
      cell.drawn = key;
      const { element } = cell;
      element.classList.toggle("wall", wall);
      element.classList.toggle("chosen", Boolean(chosen));
      element.classList.toggle("valued", Boolean(colour));
      element.classList.toggle("arrowed", arrows.length > 0);
      element.style.background = colour ? css(colour) : "";
      element.style.color = colour ? ink(colour) : "";
      cell.glyph.textContent = glyph === "." || glyph === "#" || glyph === " " ? "" : glyph;
      cell.text.textContent = text;
      this.marks(cell.marks, arrows, removed, places, colour ? ink(colour) : "currentColor");
    }
  }

  // What a screen reader says of a cell.
  label(r, c) {
    const cell = this.cells[r]?.[c];
    if (!cell || !this.view) return;
    const text = this.spoken(r, c, this.view);
    if (text !== cell.spoken) cell.element.setAttribute("aria-label", (cell.spoken = text));
  }

  spoken(r, c, view) {
    const glyph = view.rows[r][c];
    const found = view.values(r, c);
    const removed = view.removed?.(r, c) ?? [];
    const places = view.places?.(r, c) ?? [];
    const kind = view.legend?.[glyph] ?? MEANINGS[glyph] ?? glyph;
    const parts = [`row ${r}, column ${c}, ${kind}`];
    if (found && found.value !== null) parts.push(`${view.name ?? "value"} ${number(found.value, 4)}`);
    if (found?.error !== null && found?.error !== undefined) parts.push(`standard error ${found.bound ? "at most " : ""}${number(found.error, 5)}`);
    if (removed.length) parts.push(`without ${removed.join(", ")}`);
    for (const place of places) parts.push(`${place} starts here`);
    return parts.join(", ");
  }

  marks(element, arrows, removed, places, colour) {
    const group = svg("g", { class: "arrows" });
    element.replaceChildren(group);
    for (const { down, right, share } of arrows) {
      const length = Math.hypot(down, right);
      const width = 3 + 5 * share;
      if (length < 0.05) {
        group.append(svg("circle", { cx: 0, cy: 0, r: 5 + 4 * share, fill: colour, opacity: 0.85 }));
        continue;
      }
      const [x, y] = [(right / length) * 40, (down / length) * 40];
      const [bx, by] = [x * 0.7, y * 0.7];
      const [nx, ny] = [(-y / 40) * 9, (x / 40) * 9];
      group.append(
        svg("line", { x1: x * 0.2, y1: y * 0.2, x2: bx, y2: by, stroke: colour, "stroke-width": width, opacity: 0.85 }),
        svg("path", { d: `M${x} ${y}L${bx + nx} ${by + ny}L${bx - nx} ${by - ny}Z`, fill: colour, opacity: 0.85 }),
      );
    }
    for (const action of removed) {
      const [down, right] = UNIT[action];
      const at = action === "stay" ? [0, 0] : [right * 40, down * 40];
      const across = [Math.abs(down) * 22 + (action === "stay") * 12, Math.abs(right) * 22 + (action === "stay") * 12];
      const line = { stroke: "#ff5f1f", "stroke-width": 9 };
      if (action === "stay") {
        element.append(svg("line", { x1: -12, y1: -12, x2: 12, y2: 12, ...line }), svg("line", { x1: -12, y1: 12, x2: 12, y2: -12, ...line }));
      } else element.append(svg("line", { x1: at[0] - across[0], y1: at[1] - across[1], x2: at[0] + across[0], y2: at[1] + across[1], ...line }));
    }
    places.forEach((place, i) => {
      const x = -30 + i * 26;
      element.append(svg("circle", { cx: x, cy: 32, r: 12, fill: place === "ai" ? "#2262c4" : "#c2610c", stroke: "#fff", "stroke-width": 3 }));
    });
  }
}
