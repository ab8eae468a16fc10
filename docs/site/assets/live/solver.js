// POWER of small grids, in the browser: policy iteration over drawn reward functions, as `pm.power` does it.
// A plain script, not a module, so that it runs from a folder on a disk too.
"use strict";
globalThis.powerLive = (() => {
  // The grid of a text: '#' is a wall, any other sign a free cell. successors[s * 5 + a] is where action a leads.
  function grid(text) {
    const rows = text.split("\n");
    const width = Math.max(...rows.map((row) => row.length));
    const cells = [];
    const numbers = rows.map((row) => Array.from({length: width}, (_, column) => (row[column] ?? "#") === "#" ? -1 : 0));
    numbers.forEach((row, y) => row.forEach((free, x) => {
      if (free === 0) { row[x] = cells.length; cells.push([y, x]); }
    }));
    const moves = [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]];
    const successors = new Int32Array(cells.length * moves.length);
    cells.forEach(([y, x], s) => moves.forEach(([dy, dx], a) => {
      const next = numbers[y + dy]?.[x + dx] ?? -1;
      successors[s * moves.length + a] = next < 0 ? s : next;  // a wall leaves the agent where it is
    }));
    return {cells, width, height: rows.length, numActions: moves.length, successors};
  }

  // Uniform numbers in [0, 1) with 53 bits: xoshiro128** (Blackman and Vigna), its state from splitmix32 of a seed.
  function uniform(seed) {
    let z = seed >>> 0;
    const state = Uint32Array.from({length: 4}, () => {
      z = (z + 0x9e3779b9) >>> 0;
      let t = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
      return t ^ (t >>> 15);
    });
    const rotate = (value, k) => (value << k) | (value >>> (32 - k));
    const bits = () => {
      const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0;
      const t = state[1] << 9;
      state[2] ^= state[0]; state[3] ^= state[1]; state[1] ^= state[2]; state[0] ^= state[3];
      state[2] ^= t;
      state[3] = rotate(state[3], 11);
      return result;
    };
    return () => ((bits() >>> 5) * 67108864 + (bits() >>> 6)) / 9007199254740992;
  }

  // The values of a policy, exactly: each state leads to one other, so that every walk ends in a cycle, whose sum is a
  // geometric series. V(s) = R(s) + gamma V(next(s)).
  function evaluate(rewards, next, gamma, values, mark, path) {
    mark.fill(0);
    for (let first = 0; first < next.length; first++) {
      let length = 0;
      let s = first;
      while (mark[s] === 0) { mark[s] = 1; path[length++] = s; s = next[s]; }
      if (mark[s] === 1) {  // a cycle that was not met before: it begins at s
        let sum = 0, weight = 1, t = s;
        do { sum += weight * rewards[t]; weight *= gamma; t = next[t]; } while (t !== s);
        values[s] = sum / (1 - weight);
        mark[s] = 2;
      }
      while (length > 0) {
        const t = path[--length];
        if (mark[t] === 1) { values[t] = rewards[t] + gamma * values[next[t]]; mark[t] = 2; }
      }
    }
  }

  // Optimal values of one reward function by policy iteration (Howard): exact to rounding.
  function solver({cells, numActions, successors}) {
    const size = cells.length;
    const next = new Int32Array(size), mark = new Uint8Array(size), path = new Int32Array(size);
    const values = new Float64Array(size);
    return (rewards, gamma) => {
      for (let s = 0; s < size; s++) next[s] = s;
      for (let changed = true; changed;) {
        evaluate(rewards, next, gamma, values, mark, path);
        changed = false;
        for (let s = 0; s < size; s++) {
          let best = next[s];
          for (let a = 0; a < numActions; a++) {
            const other = successors[s * numActions + a];
            if (values[other] - values[best] > 1e-13 * (Math.abs(values[best]) + 1)) best = other;
          }
          if (best !== next[s]) { next[s] = best; changed = true; }
        }
      }
      return values;
    };
  }

  // POWER(s) = (1 - gamma) / gamma E[V*(s) - R(s)] with rewards uniform in [0, 1] (Turner et al. 2021), a block at a time.
  function estimator(text, gamma, seed) {
    const world = grid(text), solve = solver(world), draw = uniform(seed);
    const size = world.cells.length;
    const rewards = new Float64Array(size), mean = new Float64Array(size), squares = new Float64Array(size);
    const shown = {...world, count: 0, mean, error: new Float64Array(size)};
    shown.more = (count) => {
      for (let i = 0; i < count; i++) {
        for (let s = 0; s < size; s++) rewards[s] = draw();
        const values = solve(rewards, gamma);
        shown.count += 1;
        for (let s = 0; s < size; s++) {  // Welford's running mean and squares
          const power = (1 - gamma) / gamma * (values[s] - rewards[s]);
          const off = power - mean[s];
          mean[s] += off / shown.count;
          squares[s] += off * (power - mean[s]);
        }
      }
      for (let s = 0; s < size; s++) shown.error[s] = Math.sqrt(squares[s] / (shown.count - 1) / shown.count);
    };
    return shown;
  }

  return {grid, uniform, solver, estimator};
})();
