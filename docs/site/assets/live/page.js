// The page that draws a grid and the POWER of its cells: docs/live.md has its place, live.css its looks.
"use strict";
(() => {
  const SHIPPED = {
    "maze 7x7": ".......\n.##.###\n....###\n.##....\n.##.##.\n.##....\n....##.",
    "open 3x3": "...\n...\n...",
    "two rooms": "...#...\n...#...\n.......\n...#...\n...#...",
    "dead end": "#.#####\n.......\n#.#####",
  };
  const MOST = 20;
  // Viridis at nine places (Smith and van der Walt); what lies between is mixed.
  const COLOURS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121],
    [109, 205, 89], [253, 231, 37]];
  const place = document.getElementById("power-live");
  if (!place || !globalThis.powerLive) return;

  place.innerHTML = `
    <div class="pl-controls">
      <label>world <select data-is="world">${Object.keys(SHIPPED).map((name) => `<option>${name}</option>`).join("")}</select></label>
      <label>discount γ <input data-is="gamma" type="range" min="0.05" max="0.99" step="0.01" value="0.9"> <output data-is="shown-gamma">0.9</output></label>
      <label>reward functions <select data-is="samples"><option>100</option><option selected>1000</option><option>10000</option></select></label>
      <span class="pl-sizes">
        <button type="button" data-grow="row,1">+ row</button><button type="button" data-grow="row,-1">− row</button>
        <button type="button" data-grow="column,1">+ column</button><button type="button" data-grow="column,-1">− column</button>
      </span>
    </div>
    <div class="pl-board" role="grid" aria-label="the grid: Enter or a click turns a cell into a wall and back"></div>
    <div class="pl-scale"><span data-is="least"></span><span class="pl-bar"></span><span data-is="most"></span></div>
    <p data-is="status" role="status"></p>
    <p>The same in Python, with the package:</p>
    <pre><code data-is="python"></code></pre>`;
  const part = (name) => place.querySelector(`[data-is="${name}"]`);
  const board = place.querySelector(".pl-board");
  let rows = SHIPPED["maze 7x7"].split("\n").map((row) => [...row]);
  let running = 0;  // the number of the present estimate: an older one stops

  const text = () => rows.map((row) => row.join("")).join("\n");

  function colour(share) {
    const at = Math.min(Math.max(share, 0), 1) * (COLOURS.length - 1);
    const low = Math.min(Math.floor(at), COLOURS.length - 2);
    return COLOURS[low].map((value, i) => Math.round(value + (COLOURS[low + 1][i] - value) * (at - low)));
  }

  // Relative luminance of WCAG 2.
  function luminance(...parts) {
    const [red, green, blue] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function layOut() {
    board.style.setProperty("--columns", rows[0].length);
    board.replaceChildren(...rows.map((row, y) => {
      const line = document.createElement("div");
      line.setAttribute("role", "row");
      line.append(...row.map((_, x) => {
        const cell = document.createElement("button");
        cell.type = "button";
        cell.setAttribute("role", "gridcell");
        cell.dataset.at = `${y},${x}`;
        cell.tabIndex = y + x === 0 ? 0 : -1;
        return cell;
      }));
      return line;
    }));
    estimate();
  }

  const cellAt = (y, x) => board.children[y]?.children[x];

  function estimate() {
    const mine = ++running;
    const gamma = Number(part("gamma").value), wanted = Number(part("samples").value);
    part("shown-gamma").textContent = gamma;
    part("python").textContent =
      `import gymnasium as gym\nimport power_metrics as pm\nimport powerenvs\n\nenv = gym.make("PowerGrid-v0", level=${JSON.stringify(text())})\n` +
      `print(pm.power(env, gamma=${gamma}, num_samples=${wanted}).to_frame())`;
    place.dataset.done = "";
    const estimated = globalThis.powerLive.estimator(text(), gamma, 1);
    if (estimated.cells.length === 0) {
      for (const cell of board.querySelectorAll("button")) show(cell, null);
      part("status").textContent = "All cells are walls: there is nowhere to be.";
      place.dataset.done = "0";
      return;
    }
    const step = () => {
      if (mine !== running) return;
      const until = performance.now() + 12;  // milliseconds; the page stays quick
      do estimated.more(Math.min(10, wanted - estimated.count)); while (estimated.count < wanted && performance.now() < until);
      draw(estimated, wanted);
      if (estimated.count < wanted) requestAnimationFrame(step);
      else place.dataset.done = String(wanted);
    };
    step();
  }

  function draw(estimated, wanted) {
    const least = Math.min(...estimated.mean), most = Math.max(...estimated.mean);
    rows.forEach((row, y) => row.forEach((sign, x) => { if (sign === "#") show(cellAt(y, x), null); }));
    estimated.cells.forEach(([y, x], s) => {
      show(cellAt(y, x), estimated.mean[s], estimated.error[s], most > least ? (estimated.mean[s] - least) / (most - least) : 0.5);
    });
    part("least").textContent = least.toFixed(3);
    part("most").textContent = most.toFixed(3);
    part("status").textContent =
      `${estimated.count.toLocaleString("en")} of ${wanted.toLocaleString("en")} reward functions, ${estimated.cells.length} states; ` +
      `largest standard error ${Math.max(...estimated.error).toFixed(4)}.`;
  }

  function show(cell, power, error, share) {
    const where = `row ${cell.dataset.at.replace(",", ", column ")}`;
    cell.classList.toggle("pl-wall", power === null);
    if (power === null) {
      cell.textContent = "";
      cell.style.background = "";
      cell.setAttribute("aria-label", `${where}: wall`);
      cell.title = "wall";
      return;
    }
    const [red, green, blue] = colour(share);
    cell.style.background = `rgb(${red} ${green} ${blue})`;
    cell.style.color = luminance(red, green, blue) > 0.179 ? "black" : "white";  // whichever has more contrast
    cell.textContent = power.toFixed(3);
    cell.dataset.power = power;
    cell.title = `POWER ${power.toFixed(5)} ± ${error.toFixed(5)} standard error`;
    cell.setAttribute("aria-label", `${where}: POWER ${power.toFixed(3)}`);
  }

  board.addEventListener("click", (event) => {
    const cell = event.target.closest("button");
    if (!cell) return;
    const [y, x] = cell.dataset.at.split(",").map(Number);
    rows[y][x] = rows[y][x] === "#" ? "." : "#";
    delete cell.dataset.power;
    estimate();
  });
  board.addEventListener("keydown", (event) => {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (!step || !event.target.dataset.at) return;
    event.preventDefault();
    const [y, x] = event.target.dataset.at.split(",").map(Number);
    const next = cellAt(y + step[0], x + step[1]);
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  place.querySelector(".pl-sizes").addEventListener("click", (event) => {
    const [what, by] = (event.target.dataset.grow ?? "").split(",");
    if (!what) return;
    const size = what === "row" ? rows.length : rows[0].length;
    if (size + Number(by) < 1 || size + Number(by) > MOST) return;
    if (what === "row") rows = by > 0 ? [...rows, rows[0].map(() => ".")] : rows.slice(0, -1);
    else rows = rows.map((row) => (by > 0 ? [...row, "."] : row.slice(0, -1)));
    layOut();
  });
  part("world").addEventListener("change", () => { rows = SHIPPED[part("world").value].split("\n").map((row) => [...row]); layOut(); });
  part("gamma").addEventListener("input", estimate);
  part("samples").addEventListener("change", estimate);
  layOut();
})();
