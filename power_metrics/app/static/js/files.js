// Files: what a request gives as a download, and worlds in the folder of the application.

import { download, h, put } from "./dom.js";
import { state, write } from "./link.js";
import { get, post } from "./wire.js";

export async function downloadResult(request, format) {
  const answer = await post("/api/download", { request, less: state.less ?? undefined, format });
  download(`${state.measure}.${format}`, await answer.blob());
}

export async function showLines(request, place) {
  const { lines } = await (await post("/api/lines", { request })).json();
  const copy = h("button", { type: "button", onclick: () => navigator.clipboard?.writeText(lines) }, "Copy");
  put(place, h("pre", { tabindex: "0", "aria-label": "Python" }, lines), copy);
}

export async function saveLevel(name, replace = false) {
  const { kind, name: _, ...world } = state.source;
  const answer = await post("/api/save", { world, name, replace });
  state.source.name = name;
  write();
  return (await answer.json()).written;
}

// The source of a file of the folder, or of one whose bytes (base64) are given.
export async function openedFile(name, bytes) {
  const { source } = state;
  const settings = source.kind === "level" ? { noise: source.noise, walls: source.walls, pair: source.pair, overlaps: source.overlaps } : {};
  const answer = await post("/api/open", bytes === undefined ? { name, settings } : { name, bytes, settings });
  return answer.json();
}

export async function listFiles() {
  return (await get("/api/files")).json();
}
