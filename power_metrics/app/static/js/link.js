// The state of the page: in its link as a whole, so that a link shows to others what it shows here.

const DEFAULT = {
  view: "explore",
  source: { kind: "level", name: "maze_7x7" },
  measure: "power",
  settings: { gamma: 0.9, num_samples: 2000 },
  keep: false,
  arrows: "none",
  column: null,
  choice: 0,
  agent: null,
  other: null,
  state: null,
  sample: 0,
  less: null,
  play: { id: "powerenvs/BoatRace-v0", kwargs: {}, seed: 0, view: "picture" },
  watch: { path: null },
};

export const state = structuredClone(DEFAULT);

// A level as a source, as the state keeps it.
export function level(name, rows, more = {}) {
  return { kind: "level", name, rows, noise: 0, walls: "bump", pair: false, overlaps: true, removed: [], places: {}, ...more };
}

export function encode(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function decode(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(plain, (one) => one.charCodeAt(0))));
}

export function read() {
  const found = /^#s=([\w-]+)$/.exec(location.hash);
  if (!found) return false;
  try {
    Object.assign(state, structuredClone(DEFAULT));
    take(decode(found[1]));
    return true;
  } catch {
    return false;
  }
}

const KEPT = "powerenvs last";

// What was shown last in this browser, for a page that is opened without a link.
export function restore() {
  try {
    const kept = localStorage.getItem(KEPT);
    if (kept) take(JSON.parse(kept));
  } catch {
    // pages may not keep anything here, or it is of another release
  }
}

function take(given) {
  for (const key of Object.keys(DEFAULT)) {
    if (key in given && (DEFAULT[key] === null || typeof given[key] === typeof DEFAULT[key])) state[key] = given[key];
  }
}

let last = "";
export function write() {
  const text = `#s=${encode(state)}`;
  if (text !== last) {
    last = text;
    history.replaceState(null, "", text);
    try {
      localStorage.setItem(KEPT, JSON.stringify(state));
    } catch {
      // as above
    }
  }
}
