// What a result says of a cell or a state: the number that is shown, its standard error, and how many states are behind it.

import { number } from "./dom.js";
import { state } from "./link.js";

export function mapOf(data) {
  const maps = data?.result?.maps ?? [];
  for (const one of maps) if (state.column in one.columns) return { map: one, column: state.column };
  for (const one of maps) {
    const column = Object.keys(one.columns).find((name) => !Object.values(one.errors).includes(name) && typeof flat(one.columns[name]) !== "string");
    if (column) return { map: one, column };
  }
  return null;
}

// Where the other one of two agents stands: as chosen, or in its place where it has one; null for anywhere.
export function otherPlace(agents, agent) {
  if (!agents || agents.length !== 2 || state.other === "any") return null;
  return state.other ?? placeOf(agents, agent);
}

export function placeOf(agents, agent) {
  return (state.source.kind === "level" && state.source.places?.[agents?.[1 - Math.max(0, agent)]]) || null;
}

function flat(values) {
  return values.flat().find((one) => one !== null);
}

export function columns(data) {
  const found = [];
  for (const one of data?.result?.maps ?? []) {
    const errors = Object.values(one.errors);
    for (const name of Object.keys(one.columns)) if (!errors.includes(name) && typeof flat(one.columns[name]) !== "string") found.push(name);
  }
  return found;
}

// What of a result decides which choices there are.
export function shape(data) {
  return JSON.stringify([data?.model.agents, data?.model.actions, data?.result.maps.map((one) => [one.dims, one.choices, Object.keys(one.columns)]), state.source.places]);
}

// A number with its standard error, in words.
export function told(found, name) {
  if (!found || found.value === null) return "";
  const error = found.error === null || found.error === undefined ? "" : ` ${found.bound ? "± at most" : "±"} ${number(found.error, 5)} standard error`;
  return `: ${name} ${number(found.value, 5)}${error}${found.count > 1 ? `, mean over ${found.count} states` : ""}`;
}

export class Values {
  constructor(data) {
    this.data = data;
    this.model = data.model;
    this.found = mapOf(data);
    this.choice = Math.max(0, Math.min(state.choice, (this.found?.map.choices.length || 1) - 1));
    this.agent = this.model.agents ? this.chosenAgent() : null;
    this.byCell = new Map();
    if (this.model.cells) this.place();
  }

  chosenAgent() {
    const agents = this.model.agents;
    const named = agents.find((one) => this.found?.column.startsWith(one));
    return agents.indexOf(named ?? state.agent ?? agents[0]);
  }

  place() {
    const { cells, agents } = this.model;
    const other = (this.other = otherPlace(agents, this.agent));
    cells.forEach((cell, s) => {
      const own = agents ? cell[Math.max(0, this.agent)] : cell;
      if (other) {
        const their = cell[1 - Math.max(0, this.agent)];
        if (their[0] !== other[0] || their[1] !== other[1]) return;
      }
      if (own[0] < 0) return;
      const key = `${own[0]},${own[1]}`;
      if (!this.byCell.has(key)) this.byCell.set(key, []);
      this.byCell.get(key).push(s);
    });
    this.ends = new Set(this.model.terminal);
  }

  states(r, c) {
    return this.byCell.get(`${r},${c}`) ?? [];
  }

  get name() {
    return this.found?.column ?? "value";
  }

  // The column in words, with what is chosen of a further dimension, such as the action.
  get title() {
    const { map } = this.found;
    return this.name.replaceAll("_", " ") + (map.choices.length ? `, ${map.dims[1]} ${map.choices[this.choice]}` : "");
  }

  ofState(s) {
    if (!this.found) return null;
    const { map, column } = this.found;
    const pick = (values) => (Array.isArray(values[s]) ? values[s][this.choice] : values[s]);
    const value = pick(map.columns[column]);
    const error = map.errors[column] ? pick(map.columns[map.errors[column]]) : null;
    return { value: typeof value === "boolean" ? Number(value) : (value ?? null), error: error ?? null, count: 1 };
  }

  ofCell(r, c) {
    const states = this.states(r, c);
    if (!states.length) return null;
    if (states.length === 1) return { ...this.ofState(states[0]), outside: false, ends: this.ends.has(states[0]) };
    const all = states.map((s) => this.ofState(s)).filter((one) => one && one.value !== null);
    if (!all.length) return null;
    const value = all.reduce((sum, one) => sum + one.value, 0) / all.length;
    const known = all.every((one) => one.error !== null);
    const told = this.other ? null : this.data.result.cell_errors?.[this.name]?.find(([row, column]) => row === r && column === c);
    const error = told ? told[2] : known ? all.reduce((sum, one) => sum + one.error, 0) / all.length : null;
    return { value, error, bound: !told && known, count: all.length, ends: states.every((s) => this.ends.has(s)) };
  }

  // The ends of the scale: of the cells in which episodes go on.
  range() {
    let [low, high, lowest] = [Infinity, -Infinity, Infinity];
    const take = (found) => {
      if (!found || found.value === null) return;
      if (!found.ends) low = Math.min(low, found.value);
      lowest = Math.min(lowest, found.value);
      high = Math.max(high, found.value);
    };
    if (this.model.cells) for (const key of this.byCell.keys()) take(this.ofCell(...key.split(",").map(Number)));
    else for (let s = 0; s < this.model.states; s += 1) take(this.ofState(s));
    if (high === -Infinity) return null;
    return { low: low === Infinity ? lowest : low, high };
  }
}

// The difference of two results, cell by cell, where both have the cell.
export class Difference {
  constructor(first, second) {
    [this.first, this.second] = [first, second];
    this.model = first.model;
    this.data = first.data;
    this.labels = new Map(second.model.labels.map((label, s) => [label, s]));
  }

  get name() {
    return `${this.first.name}, difference`;
  }

  get title() {
    return `${this.first.title}, difference`;
  }

  states(r, c) {
    return this.first.states(r, c);
  }

  ofCell(r, c) {
    return less(this.first.ofCell(r, c), this.second.model.cells ? this.second.ofCell(r, c) : null);
  }

  ofState(s) {
    const other = this.labels.get(this.model.labels[s]);
    return less(this.first.ofState(s), other === undefined ? null : this.second.ofState(other));
  }

  range() {
    let most = 0;
    if (this.model.cells) {
      for (const key of this.first.byCell.keys()) most = Math.max(most, Math.abs(this.ofCell(...key.split(",").map(Number))?.value ?? 0));
    } else for (let s = 0; s < this.model.states; s += 1) most = Math.max(most, Math.abs(this.ofState(s)?.value ?? 0));
    return { low: -most, high: most };
  }
}

// What two numbers differ by. Both may share their draws, so that the error is at most the sum of both.
function less(one, other) {
  if (!one || !other || one.value === null || other.value === null) return null;
  const known = one.error !== null && other.error !== null;
  return { value: one.value - other.value, error: known ? one.error + other.error : null, bound: true, count: one.count };
}
