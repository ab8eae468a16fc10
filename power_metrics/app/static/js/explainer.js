// The equation behind a number: of the state that was chosen, whatever its number is after an edit.

import { h, put } from "./dom.js";
import { drawEquation } from "./equation.js";
import { state, write } from "./link.js";
import { told } from "./values.js";

const LISTED = 60;

export class Explainer {
  constructor(explore) {
    this.explore = explore;
    this.element = h("div", { id: "equation" });
    this.label = undefined;
  }

  // Of the state that is explained, as it is numbered now; undefined if there is none.
  index(model) {
    if (state.state === null) return undefined;
    return this.label === undefined ? state.state : model.labels.indexOf(this.label);
  }

  forget() {
    state.state = state.other = null;
    this.label = undefined;
    put(this.element);
  }

  choose(cell) {
    const { picture } = this.explore;
    picture.point(cell);
    const states = picture.shown?.states(...cell) ?? [];
    if (states.length === 1) this.explain(states[0]);
    else if (states.length) this.list(cell, states);
  }

  list(cell, states) {
    const { data, picture } = this.explore;
    const { shown } = picture;
    const entry = (s) => h("li", {}, h("button", { type: "button", onclick: () => this.explain(s) }, data.model.labels[s]), told(shown.ofState(s), shown.title));
    const more = states.length > LISTED ? h("p", { class: "quiet" }, `and ${states.length - LISTED} more`) : null;
    put(this.element, h("h3", {}, `${states.length} states in (${cell.join(", ")})`), h("p", { class: "quiet" }, "Choose one for its equation."), h("ul", { class: "states" }, states.slice(0, LISTED).map(entry)), more);
  }

  // After the map has changed.
  again(model) {
    const s = this.index(model);
    if (s === undefined) return;
    if (s >= 0 && s < model.states) this.explain(s);
    else {
      state.state = null;
      this.label = undefined;
      put(this.element);
      this.explore.show();
    }
  }

  explain(s, sample = state.sample) {
    const { explore, element } = this;
    [state.state, state.sample, this.label] = [s, sample, explore.data.model.labels[s]];
    write();
    explore.show();
    element.setAttribute("aria-busy", "true");
    explore.runs.explain({ request: explore.request, state: s, sample }, (error, data) => {
      element.removeAttribute("aria-busy");
      if (!error) {
        drawEquation(element, data, sample, (next) => this.explain(s, next));
        element.scrollIntoView({ block: "nearest" });
      } else if (sample > 0) this.explain(s, 0);
      else put(element, h("p", { class: "error" }, error));
    });
  }
}
