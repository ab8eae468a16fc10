// Controls of a measure, made from its signature as the server's catalogue has it.

import { field, h, options } from "./dom.js";

const FIRST = ["gamma", "reward", "num_samples", "seed", "correlation", "gamma_a", "learner", "steps", "price", "beta", "utility"];
const WORDS = {
  reward: ["uniform(0, 1)", "beta(2, 5)", "bernoulli(0.5)", "pareto(2)", "normal(0, 1)"],
  learner: ["boltzmann(0.1)", "epsilon_greedy(0.1)", "best_of_k(5)", "satisficing(0.5)", "q_learning(num_steps=1000)"],
};

export function first(measure, game) {
  const settings = {};
  for (const one of measure.settings) {
    if (one.name === "gamma" && one.default === null) settings.gamma = 0.9;
    else if (one.name === "gamma") settings.gamma = Array.isArray(one.default) ? one.default[0] : one.default;
    if (one.name === "num_samples") settings.num_samples = game ? 200 : Math.min(one.default ?? 2000, 2000);
    if (one.name === "learner") settings.learner = "boltzmann(0.1)";
    if (one.required && !(one.name in settings) && one.name !== "learner") settings[one.name] = one.default;
  }
  return settings;
}

export function draw(measure, settings, change) {
  const sorted = [...measure.settings].sort((a, b) => place(a) - place(b));
  const near = sorted.filter((one) => place(one) < FIRST.length || one.required);
  const far = sorted.filter((one) => !near.includes(one));
  const made = near.map((one) => control(one, settings, change));
  if (far.length) made.push(h("details", {}, h("summary", {}, "More settings"), far.map((one) => control(one, settings, change))));
  return made;
}

function place(one) {
  const found = FIRST.indexOf(one.name);
  return found < 0 ? FIRST.length : found;
}

function control(one, settings, change) {
  const value = settings[one.name];
  const label = one.name.replaceAll("_", " ");
  const set = (given) => change(one.name, given);
  if (one.name === "gamma") return discount(one, label, value, set);
  if (one.kind === "true|false") {
    const select = h("select", { onchange: (event) => set(event.target.value === "" ? undefined : event.target.value === "true") });
    options(select, [["", `default${one.default === null ? "" : `: ${one.default}`}`], "true", "false"], value === undefined ? "" : String(value));
    return field(label, select, one.meaning);
  }
  if (one.choices.length) {
    const select = h("select", { onchange: (event) => set(event.target.value === one.default ? undefined : event.target.value) });
    options(select, one.choices, value ?? one.default);
    return field(label, select, one.meaning);
  }
  const shown = value === undefined ? "" : Array.isArray(value) || typeof value === "object" ? JSON.stringify(value) : String(value);
  const hint = one.default === null ? "" : Array.isArray(one.default) ? JSON.stringify(one.default) : String(one.default);
  const input = h("input", { type: "text", value: shown, placeholder: hint, autocomplete: "off", spellcheck: "false", inputmode: one.kind === "N" || one.kind === "X" ? "decimal" : undefined });
  input.addEventListener("change", () => set(parse(one, input.value)));
  const made = field(label, input, one.meaning);
  if (WORDS[one.name]) {
    const list = h("datalist", { id: `${input.id}-list` }, WORDS[one.name].map((word) => h("option", { value: word })));
    input.setAttribute("list", list.id);
    made.append(list);
  }
  return made;
}

function discount(one, label, value, set) {
  const start = value ?? one.default ?? "";
  const range = h("input", { type: "range", min: 0, max: 0.999, step: 0.001, value: start === "" ? 0.9 : start, "aria-label": `${label}, slider` });
  const input = h("input", { type: "text", inputmode: "decimal", value: start, placeholder: one.default ?? "as gamma", autocomplete: "off" });
  range.addEventListener("input", () => {
    input.value = range.value;
    set(Number(range.value));
  });
  input.addEventListener("change", () => {
    const given = parse(one, input.value);
    if (typeof given === "number") range.value = given;
    set(given);
  });
  const made = field(label, input, one.meaning);
  made.append(range);
  return made;
}

// What stands in a field: a number, JSON, or words; nothing for the default.
function parse(one, text) {
  const words = text.trim();
  if (words === "") return undefined;
  if (one.several && !words.startsWith("[") && words.includes(",") && (one.kind === "N" || one.kind === "X")) {
    return words.split(",").map((part) => number(part.trim()));
  }
  if (words.startsWith("[") || words.startsWith("{")) {
    try {
      return JSON.parse(words);
    } catch {
      return words;
    }
  }
  return one.kind === "N" || one.kind === "X" ? number(words) : words;
}

function number(text) {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
