// Elements without markup in strings: nothing that a server sends is ever parsed as HTML.

export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name === "value") made.value = value;
    else if (name === "checked" || name === "selected" || name === "disabled" || name === "hidden" || name === "open") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  fill(made, children);
  return made;
}

export function fill(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function svg(tag, props = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function put(element, ...children) {
  element.replaceChildren();
  return fill(element, children);
}

let count = 0;
export function field(label, input, help, kind = "field") {
  input.id ||= `field-${(count += 1)}`;
  const parts = [h("label", { for: input.id, title: help }, label), input];
  return h("div", { class: kind }, parts);
}

export function options(select, entries, chosen) {
  put(select, entries.map((entry) => {
    if (entry.group) {
      return h("optgroup", { label: entry.group }, entry.entries.map((one) => option(one, chosen)));
    }
    return option(entry, chosen);
  }));
  return select;
}

function option(entry, chosen) {
  const [value, text] = Array.isArray(entry) ? entry : [entry, entry];
  return h("option", { value, selected: value === chosen }, text);
}

export function say(text) {
  document.getElementById("said").textContent = text;
}

export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 1);
  return value.toFixed(size >= 1000 ? 1 : size >= 10 ? Math.max(0, digits - 1) : digits);
}

export function exact(value) {
  return value === null || value === undefined ? "none" : String(value);
}

export function download(name, data, type = "text/plain") {
  const link = h("a", { href: URL.createObjectURL(data instanceof Blob ? data : new Blob([data], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
