// A model without a board: its states as circles, and lines to those that can follow.

import { css, ink } from "./colours.js";
import { h, number, put, svg } from "./dom.js";

export function drawGraph(element, model, view, choose, point) {
  const places = model.graph.places;
  const xs = places.map(([x]) => x);
  const ys = places.map(([, y]) => -y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const box = `${left - 0.9} ${top - 0.9} ${right - left + 1.8} ${bottom - top + 1.8}`;
  const drawing = svg("svg", { viewBox: box, class: "graph", role: "group", "aria-label": "Graph of states" });
  for (const [i, j] of model.graph.edges) {
    const [x1, y1, x2, y2] = [xs[i], ys[i], xs[j], ys[j]];
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
    const [ex, ey] = [x2 - ux * 0.42, y2 - uy * 0.42];
    const bend = [(x1 + x2) / 2 - uy * 0.12 * length, (y1 + y2) / 2 + ux * 0.12 * length];
    drawing.append(svg("path", { d: `M${x1} ${y1}Q${bend[0]} ${bend[1]} ${ex} ${ey}`, class: "edge" }));
    const [tx, ty] = [ex - bend[0], ey - bend[1]];
    const t = Math.hypot(tx, ty) || 1;
    const [vx, vy] = [tx / t, ty / t];
    drawing.append(svg("path", { d: `M${ex} ${ey}L${ex - vx * 0.16 - vy * 0.08} ${ey - vy * 0.16 + vx * 0.08}L${ex - vx * 0.16 + vy * 0.08} ${ey - vy * 0.16 - vx * 0.08}Z`, class: "tip" }));
  }
  places.forEach((_, s) => {
    const found = view.value(s);
    const known = found && found.value !== null && Number.isFinite(found.value);
    const colour = known ? view.scale.colour(found.value) : null;
    const label = `${model.labels[s]}${known ? `, ${view.name} ${number(found.value)}` : ""}`;
    const node = svg("g", { class: `node${view.chosen === s ? " chosen" : ""}`, role: "button", tabindex: "0", "aria-label": label, transform: `translate(${xs[s]} ${ys[s]})`, "data-state": s });
    const circle = svg("circle", { r: 0.4 });
    if (colour) circle.style.fill = css(colour);
    const name = svg("text", { y: known ? -0.06 : 0.05, "font-size": Math.min(0.2, 1.1 / Math.max(4, model.labels[s].length)) });
    name.textContent = model.labels[s];
    node.append(circle, name);
    if (known) {
      const text = svg("text", { y: 0.17, "font-size": 0.16 });
      text.textContent = number(found.value, 3);
      node.append(text);
    }
    if (colour) for (const text of node.querySelectorAll("text")) text.style.fill = ink(colour);
    node.addEventListener("click", () => choose(s));
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(s);
      }
    });
    node.addEventListener("pointerenter", () => point(s));
    node.addEventListener("focus", () => point(s));
    drawing.append(node);
  });
  put(element, drawing);
}

export function drawList(element, model, view, choose) {
  const rows = model.labels.slice(0, 400).map((label, s) => {
    const found = view.value(s);
    const cells = [h("td", {}, label), h("td", { class: "number" }, found ? number(found.value) : "–")];
    return h("tr", {}, h("td", {}, h("button", { type: "button", onclick: () => choose(s) }, s)), cells);
  });
  put(element, h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "States" }, h("table", {}, h("thead", {}, h("tr", {}, ["state", "label", view.name].map((one) => h("th", {}, one)))), h("tbody", {}, rows))));
}
