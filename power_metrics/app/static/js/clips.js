// Clips side by side: both run on one clock, and begin again together.

const HOLD = 0.7; // seconds that the last frame stays

export class Clips {
  constructor(canvases, moved) {
    this.canvases = canvases;
    this.moved = moved;
    this.shown = [];
    this.speed = 6;
    this.running = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.at = 0; // seconds into the loop
    this.last = null;
    const tick = (now) => {
      if (this.running && this.last !== null) this.at += (now - this.last) / 1000;
      this.last = now;
      this.draw();
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  // Loads two clips, and shows both from their beginning; false if others have been asked for meanwhile.
  async show(pair) {
    const asked = (this.asked = Symbol("clips"));
    this.shown = [];
    const images = await Promise.all(pair.map((one) => (one.trouble ? null : load(one.clip))));
    if (asked !== this.asked) return false;
    this.shown = pair.map((one, i) => ({ ...one, image: images[i], frame: -1 }));
    this.canvases.forEach((canvas, i) => {
      const { image, width, height } = this.shown[i];
      canvas.hidden = !image;
      if (!image) return;
      canvas.width = width;
      canvas.height = height;
      canvas.classList.toggle("pixels", width < 200);
      canvas.setAttribute("aria-label", `${i ? "Right" : "Left"} clip, ${pair[i].frames.length - 1} steps`);
    });
    this.at = 0;
    this.draw();
    return true;
  }

  clear() {
    this.asked = null;
    this.shown = [];
    for (const canvas of this.canvases) canvas.hidden = true;
  }

  draw() {
    const most = Math.max(0, ...this.shown.map((one) => one.frames?.length ?? 0));
    if (!most) return;
    const whole = most / this.speed + HOLD;
    if (this.at >= whole) this.at %= whole;
    const step = Math.min(most - 1, Math.floor(this.at * this.speed));
    this.shown.forEach((one, i) => {
      if (!one.image) return;
      const frame = one.frames[Math.min(step, one.frames.length - 1)]; // a shorter clip stays at its end
      if (frame === one.frame) return;
      one.frame = frame;
      const x = (frame % one.columns) * one.width;
      const y = Math.floor(frame / one.columns) * one.height;
      this.canvases[i].getContext("2d").drawImage(one.image, x, y, one.width, one.height, 0, 0, one.width, one.height);
    });
    this.moved(step, most - 1);
  }
}

const fetched = new Map(); // names to images on their way, the newest last
const MOST = 40;

// Fetches clips that may come next, one after the other, so that they are there when they do.
export async function ahead(names) {
  for (const name of names) {
    try {
      await load(name);
    } catch {
      // it is asked for again when it is shown
    }
  }
}

function load(name) {
  const known = fetched.get(name) ?? fetch_(name);
  fetched.delete(name);
  fetched.set(name, known);
  known.catch(() => fetched.delete(name));
  for (const old of fetched.keys()) {
    if (fetched.size <= MOST) break;
    fetched.delete(old);
  }
  return known;
}

// As a bitmap, which is decoded before it is drawn; an image would be decoded in the frame that shows it first.
async function fetch_(name) {
  const answer = await fetch(`/api/label/clip?name=${encodeURIComponent(name)}`);
  if (!answer.ok) throw new TypeError("the clip did not load");
  return createImageBitmap(await answer.blob());
}
