// The equation behind a number, as the server works it out.

import { exact, h, number, put } from "./dom.js";

const LONG = 14;

export function drawEquation(element, found, sample, step) {
  const parts = [h("h3", {}, `State ${found.label}`)];
  if (found.power) parts.push(...power(found.power, sample, step));
  if (found.task) parts.push(...task(found.task));
  if (found.game) parts.push(...joint(found.game));
  put(element, parts);
}

function value(one, digits = 6) {
  return h("span", { class: "number", title: exact(one) }, number(one, digits));
}

function power(one, sample, step) {
  const { gamma } = one;
  const parts = [
    h("h4", {}, "POWER"),
    h("p", { class: "formula" }, "POWER(s) = (1 − γ) E", h("sub", {}, "R"), "[ max", h("sub", {}, "a"), " Σ", h("sub", {}, "s′"), " P(s′|s, a) V*", h("sub", {}, "R"), "(s′) ]"),
    h("p", { "data-power": exact(one.power) }, "= ", value(one.power), ["closed_form", "enumeration"].includes(one.method) ? ", exact" : [" ± ", value(one.standard_error), " standard error"], `, γ = ${gamma}, ${one.method === "closed_form" ? "in closed form" : `the mean over ${one.num_samples.toLocaleString("en")} reward functions (${one.method.replaceAll("_", " ")})`}`),
  ];
  if (one.refused) return [...parts, h("p", { class: "quiet" }, one.refused)];
  if (one.note) parts.push(h("p", { class: "quiet" }, one.note));
  const input = h("input", { type: "number", min: 0, max: one.num_samples - 1, value: sample, "aria-label": "Number of the reward function" });
  input.addEventListener("change", () => step(Math.max(0, Math.min(one.num_samples - 1, Math.trunc(Number(input.value) || 0)))));
  parts.push(
    h("div", { class: "line" }, h("span", {}, "Its term for reward function"), h("button", { type: "button", "aria-label": "Reward function before", onclick: () => step(Math.max(0, sample - 1)) }, "‹"), input, h("button", { type: "button", "aria-label": "Next reward function", onclick: () => step(Math.min(one.num_samples - 1, sample + 1)) }, "›")),
    table(one.actions, one.best, "Σ P V*", ["s′", "P(s′|s, a)", "R(s′)", "V*(s′)"]),
    h("p", {}, `(1 − ${gamma}) · `, value(one.best), " = ", value(one.term)),
  );
  return parts;
}

function task(one) {
  const parts = [
    h("h4", {}, "Optimal value of the task's reward"),
    h("p", { class: "formula" }, "V*(s) = max", h("sub", {}, "a"), " Σ", h("sub", {}, "s′"), " P(s′|s, a) [ r(s, a, s′) + γ V*(s′) ]"),
  ];
  if (one.refused) return [...parts, h("p", { class: "quiet" }, one.refused)];
  parts.push(h("p", { "data-value": exact(one.value) }, "= ", value(one.value), `, γ = ${one.gamma}`, one.terminal ? ": a terminal state, in which nothing follows" : ""));
  if (!one.terminal) parts.push(table(one.actions, Math.max(...one.actions.map((action) => action.sum)), "Σ P (r + γ V*)", ["s′", "P(s′|s, a)", "r", "V*(s′)"]));
  return parts;
}

function table(actions, best, sum, heads) {
  const rows = actions.map((action) => {
    const most = Math.abs(action.sum - best) <= 1e-9 * Math.max(1, Math.abs(best));
    return action.terms.slice(0, LONG).map((term, i) =>
      h("tr", { class: most ? "best" : "" },
        i === 0 ? h("th", { scope: "rowgroup", rowspan: Math.min(LONG, action.terms.length) }, action.action, most ? h("span", { class: "tag" }, " max") : "") : null,
        h("td", {}, term.label), h("td", { class: "number", title: exact(term.probability) }, number(term.probability)), h("td", { class: "number", title: exact(term.reward) }, number(term.reward)), h("td", { class: "number", title: exact(term.value) }, number(term.value)),
        i === 0 ? h("td", { class: "number", rowspan: Math.min(LONG, action.terms.length), title: exact(action.sum) }, number(action.sum, 5)) : null));
  });
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Actions and what follows" },
    h("table", {}, h("thead", {}, h("tr", {}, ["action", ...heads, sum].map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows)));
}

function joint(terms) {
  const rows = terms.map((term) => h("tr", {}, h("td", {}, term.actions.join(", ")), h("td", {}, term.label), h("td", { class: "number", title: exact(term.probability) }, number(term.probability)), term.rewards.map((one) => h("td", { class: "number", title: exact(one) }, number(one)))));
  return [
    h("h4", {}, "Joint actions"),
    h("p", { class: "quiet" }, "What each pair of actions leads to, and what it pays each agent. POWER of two agents takes the answer of each to the other, for many pairs of reward functions; it is no equation of one state."),
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Joint actions" }, h("table", {}, h("thead", {}, h("tr", {}, ["actions", "next state", "P", "reward of the first", "of the second"].map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows))),
  ];
}
