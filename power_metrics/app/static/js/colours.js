// Viridis for numbers, blue to red for differences, and an ink that can be read on either.

const VIRIDIS = [
  [68, 1, 84], [72, 24, 106], [71, 45, 123], [66, 64, 134], [59, 82, 139], [51, 99, 141], [44, 114, 142], [38, 130, 142],
  [33, 145, 140], [31, 160, 136], [40, 174, 128], [63, 188, 115], [94, 201, 98], [132, 212, 75], [173, 220, 48],
  [216, 226, 25], [253, 231, 37],
];
const DIVERGING = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247], [253, 219, 199],
  [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];

function along(colours, share) {
  const at = Math.max(0, Math.min(1, share)) * (colours.length - 1);
  const i = Math.min(colours.length - 2, Math.floor(at));
  return colours[i].map((value, k) => Math.round(value + (at - i) * (colours[i + 1][k] - value)));
}

export function scale(low, high, difference) {
  if (difference) {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return { low: -most, high: most, colour: (value) => along(DIVERGING, 0.5 + value / most / 2) };
  }
  const span = high - low;
  if (!(span > 1e-9 * Math.max(1, Math.abs(high)))) return { low, high, flat: true, colour: () => along(VIRIDIS, 0.6) };
  return { low, high, colour: (value) => along(VIRIDIS, (value - low) / span) };
}

export function css([red, green, blue]) {
  return `rgb(${red}, ${green}, ${blue})`;
}

export function ink([red, green, blue]) {
  const light = [red, green, blue].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return luminance > 0.179 ? "#000" : "#fff";
}

// Draws the bar of a scale.
export function paintBar(canvas, { low, high, colour }) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = css(colour(low + ((high - low) * x) / (canvas.width - 1)));
    context.fillRect(x, 0, 1, canvas.height);
  }
}
