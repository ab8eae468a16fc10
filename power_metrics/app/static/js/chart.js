// A line chart, with axes that have names and ticks.

import { h, number, put, svg } from "./dom.js";

const WIDTH = 720;
const HEIGHT = 340;
const EDGE = { left: 66, right: 16, top: 14, bottom: 46 };
const COLOURS = ["#2262c4", "#c2610c", "#2c8c5a", "#a13d8f", "#7a6a00", "#b3362c", "#0f8a9d", "#5d5d68"];
const MOST = 16;

export function drawChart(element, lines, xName, yName) {
  const shown = lines.slice(0, MOST);
  const points = shown.flatMap((line) => line.points);
  if (!points.length) {
    put(element, h("p", { class: "quiet" }, "No numbers to draw yet."));
    return;
  }
  const x = axis(points.map((one) => one.x), EDGE.left, WIDTH - EDGE.right);
  const y = axis(points.flatMap((one) => [one.y - (one.error ?? 0) * 2, one.y + (one.error ?? 0) * 2]), HEIGHT - EDGE.bottom, EDGE.top);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `${yName} against ${xName}` });
  for (const tick of y.ticks) {
    drawing.append(svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y.at(tick), y2: y.at(tick), class: "rule" }), text(EDGE.left - 8, y.at(tick) + 4, label(tick, y.step), "end"));
  }
  for (const tick of x.ticks) {
    drawing.append(svg("line", { x1: x.at(tick), x2: x.at(tick), y1: HEIGHT - EDGE.bottom, y2: HEIGHT - EDGE.bottom + 5, class: "rule" }), text(x.at(tick), HEIGHT - EDGE.bottom + 18, label(tick, x.step), "middle"));
  }
  drawing.append(text((EDGE.left + WIDTH) / 2, HEIGHT - 8, xName.replaceAll("_", " "), "middle"));
  const side = text(0, 0, yName.replaceAll("_", " "), "middle");
  side.setAttribute("transform", `translate(15 ${(HEIGHT - EDGE.bottom) / 2}) rotate(-90)`);
  drawing.append(side);
  shown.forEach((line, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = line.points.map((one, k) => `${k ? "L" : "M"}${x.at(one.x).toFixed(1)} ${y.at(one.y).toFixed(1)}`).join("");
    drawing.append(svg("path", { d: path, fill: "none", stroke: colour, "stroke-width": 2 }));
    if (line.points.length > 80) return;
    for (const one of line.points) {
      if (one.error) drawing.append(svg("line", { x1: x.at(one.x), x2: x.at(one.x), y1: y.at(one.y - 2 * one.error), y2: y.at(one.y + 2 * one.error), stroke: colour }));
      const dot = svg("circle", { cx: x.at(one.x), cy: y.at(one.y), r: 3.2, fill: colour });
      const title = svg("title");
      title.textContent = `${xName} ${number(one.x, 5)}, ${yName} ${number(one.y, 5)}${one.error ? ` ± ${number(one.error, 5)} standard error` : ""}`;
      dot.append(title);
      drawing.append(dot);
    }
  });
  const names = shown.length > 1 ? shown.map((line, i) => {
    const mark = h("span", { class: "swatch" });
    mark.style.background = COLOURS[i % COLOURS.length];
    return h("span", {}, mark, line.name || yName);
  }) : [];
  const notes = [];
  if (lines.length > MOST) notes.push(`the first ${MOST} of ${lines.length} lines`);
  if (points.some((one) => one.error)) notes.push("bars: two standard errors");
  put(element, drawing, h("div", { class: "names" }, names), notes.length ? h("p", { class: "quiet" }, notes.join("; ")) : null);
}

function axis(values, start, end) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
  const step = nice((high - low) / 6);
  const room = (high - low) * 0.04;
  const [from, to] = [low - room, high + room];
  const ticks = [];
  for (let k = Math.ceil(from / step); k * step <= to + step * 1e-9; k += 1) ticks.push(Number((k * step).toPrecision(12)));
  return { step, ticks, at: (value) => start + ((value - from) / (to - from)) * (end - start) };
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * [1, 2, 5, 10].find((one) => one * power >= step * 0.999);
}

function label(value, step) {
  if (Math.abs(value) >= 1e5 || step < 1e-5) return value.toExponential(1).replace("e+", "e");
  return value.toFixed(Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9))));
}

function text(x, y, words, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}
