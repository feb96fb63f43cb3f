// Values at the pointer, curves shown and hidden, and places of one name marked together. The page does without.
"use strict";
const told = JSON.parse(document.getElementById("told").textContent);
const svgOf = (name) => document.querySelector(`#${CSS.escape(name)} .drawing svg`);
const toUnit = (v, [low, high, scale]) => {
  const f = scale === "log" ? Math.log : (x) => x;
  return (f(v) - f(low)) / (f(high) - f(low));
};
// Where a value of a panel lies, in pixels of the drawing.
const place = (panel, size, x, y) => [
  (panel.box[0] + panel.box[2] * toUnit(x, panel.x)) * size.width,
  (panel.box[1] + panel.box[3] * (1 - toUnit(y, panel.y))) * size.height,
];
const show = (v) => Number(v.toPrecision(3)).toString();

function nearest(figure, size, x, y) {
  let best = null;
  for (const panel of figure.panels) {
    for (const curve of panel.curves) {
      if (curve.off) continue;
      curve.x.forEach((at, n) => {
        if (curve.y[n] === null) return;
        const [px, py] = place(panel, size, at, curve.y[n]);
        const far = Math.hypot(px - x, py - y);
        if (far < 16 && (!best || far < best.far)) {
          const known = curve.low[n] !== null;
          const interval = known ? ` [${show(curve.low[n])}, ${show(curve.high[n])}]` : "";
          best = { far, px, py, text: `${curve.name}: ${show(curve.y[n])}${interval} at ${show(at)}` };
        }
      });
    }
    for (const [name, sx, sy, words] of panel.spots) {
      const [px, py] = place(panel, size, sx, sy);
      const far = Math.hypot(px - x, py - y);
      if (far < 12 && (!best || far < best.far)) best = { far, px, py, text: words, name };
    }
  }
  return best;
}

function clear() {
  document.querySelectorAll(".tip, .ring").forEach((element) => element.remove());
}

function add(parent, kind, x, y, text) {
  const element = document.createElement("div");
  element.className = kind;
  element.textContent = text || "";
  parent.append(element);
  const room = parent.clientWidth - element.offsetWidth - 2;
  element.style.left = `${kind === "tip" ? Math.max(0, Math.min(x + 10, room)) : x}px`;
  element.style.top = `${kind === "tip" ? y - 34 : y}px`;
}

// Rings at all places of one name, in all figures.
function ring(name) {
  for (const [where, figure] of Object.entries(told)) {
    const drawing = svgOf(where).parentElement;
    const size = { width: drawing.clientWidth, height: drawing.clientHeight };
    for (const panel of figure.panels)
      for (const [other, x, y] of panel.spots) if (other === name) add(drawing, "ring", ...place(panel, size, x, y));
  }
}

for (const [name, figure] of Object.entries(told)) {
  const svg = svgOf(name);
  if (!svg) continue;
  const drawing = svg.parentElement;
  drawing.addEventListener("pointermove", (event) => {
    clear();
    const box = drawing.getBoundingClientRect();
    const found = nearest(figure, box, event.clientX - box.left, event.clientY - box.top);
    if (!found) return;
    if (found.name) ring(found.name);
    add(drawing, "tip", found.px, found.py, found.text);
  });
  drawing.addEventListener("pointerleave", clear);
  const curves = figure.panels.flatMap((panel) => panel.curves);
  const names = [...new Set(curves.map((curve) => curve.name))];
  if (names.length < 2) continue;
  const chips = document.createElement("div");
  chips.className = "chips";
  for (const label of names) {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.textContent = label;
    chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") === "false";
      chip.setAttribute("aria-pressed", String(on));
      for (const curve of curves.filter((each) => each.name === label)) {
        curve.off = !on;
        for (const id of curve.ids) {
          const part = document.getElementById(id);
          if (part) part.style.display = on ? "" : "none";
        }
      }
    });
    chips.append(chip);
  }
  drawing.parentElement.before(chips);
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));
