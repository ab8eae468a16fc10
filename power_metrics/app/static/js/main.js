// Begins: the catalogue, the state of the link, and the view that it names.

import { put, h, say } from "./dom.js";
import { Explore } from "./explore.js";
import { Label } from "./label.js";
import { read, restore, state, write } from "./link.js";
import { Play } from "./play.js";
import { Watch } from "./watch.js";
import { connect, get } from "./wire.js";

const views = {};

function theme(kind) {
  if (kind) document.documentElement.dataset.theme = kind;
  else delete document.documentElement.dataset.theme;
}

function show(name) {
  state.view = name in views ? name : "explore";
  for (const [view, made] of Object.entries(views)) {
    made.root.hidden = view !== state.view;
  }
  for (const button of document.querySelectorAll("nav button")) {
    if (button.dataset.view === state.view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  write();
  views[state.view].start();
}

async function begin() {
  try {
    theme(localStorage.getItem("powerenvs theme"));
  } catch {
    // pages may not keep anything here
  }
  document.getElementById("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    const to = dark ? "light" : "dark";
    theme(to);
    try {
      localStorage.setItem("powerenvs theme", to);
    } catch {
      // as above
    }
  });
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("content").focus();
  });
  document.getElementById("link").addEventListener("click", async () => {
    write();
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied");
    } catch {
      say("The link is in the address bar");
    }
  });
  if (!read()) restore();
  connect();
  const catalogue = await (await get("/api/catalogue")).json();
  views.explore = new Explore(document.getElementById("explore"), catalogue);
  views.play = new Play(document.getElementById("play"), catalogue);
  views.watch = new Watch(document.getElementById("watch"));
  views.label = new Label(document.getElementById("label"));
  for (const button of document.querySelectorAll("nav button")) button.addEventListener("click", () => show(button.dataset.view));
  addEventListener("hashchange", () => read() && show(state.view));
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || state.view !== "explore" || /INPUT|TEXTAREA/.test(event.target.tagName)) return;
    if (event.key === "s" || event.key === "o") {
      event.preventDefault();
      views.explore.sidebar.files(event.key);
    }
    if (event.key === "z" && !event.shiftKey) views.explore.editing.undo() && event.preventDefault();
    if (event.key === "y" || (event.key.toLowerCase() === "z" && event.shiftKey)) views.explore.editing.redo() && event.preventDefault();
  });
  show(state.view);
  document.documentElement.dataset.ready = "yes";
}

begin().catch((error) => put(document.getElementById("content"), h("p", { class: "error" }, `The page could not start: ${error.message}`)));
