// The connection: one WebSocket for what takes time, and plain requests for the rest.

const waiting = new Map();
let socket = null;
let count = 0;
let delay = 250;
let queue = [];
const reconnected = new Set();

export const wire = { open: false };

export function onReconnect(listener) {
  reconnected.add(listener);
}

function show(text) {
  const place = document.getElementById("connection");
  if (place.textContent !== text) place.textContent = text;
}

export function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws`);
  socket.addEventListener("open", () => {
    const again = delay !== 250 || wire.seen;
    wire.open = wire.seen = true;
    delay = 250;
    show("");
    for (const text of queue) socket.send(text);
    queue = [];
    if (again) for (const listener of reconnected) listener();
  });
  socket.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    const listener = waiting.get(message.n);
    if (!listener) return;
    if (["done", "error", "world", "frame", "walk", "cancelled"].includes(message.event)) waiting.delete(message.n);
    listener(message);
  });
  socket.addEventListener("close", () => {
    wire.open = false;
    show("No connection to the server; trying again");
    waiting.clear();
    queue = [];
    setTimeout(connect, delay);
    delay = Math.min(8000, delay * 2);
  });
}

// Sends a message; the listener gets every answer to it.
export function ask(message, listener) {
  const n = (count += 1);
  waiting.set(n, listener);
  const text = JSON.stringify({ ...message, n });
  if (wire.open) socket.send(text);
  else queue.push(text);
  return n;
}

export function forget(n) {
  waiting.delete(n);
}

export async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await said(answer)) || answer.statusText);
  return answer;
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error((await said(answer)) || answer.statusText);
  return answer;
}

async function said(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).message;
  } catch {
    return text.slice(0, 300);
  }
}
