// Sliders with their number fields, and the state in the address.

const STEPS = 1000;

function wayOf(slider, value) {
  const way = slider.log ? Math.log(value / slider.from) / Math.log(slider.to / slider.from) : (value - slider.from) / (slider.to - slider.from);
  return Math.round(Math.min(Math.max(way, 0), 1) * STEPS);
}

function valueOf(slider, way) {
  const share = way / STEPS;
  const value = slider.log ? slider.from * (slider.to / slider.from) ** share : slider.from + (slider.to - slider.from) * share;
  return Number(value.toPrecision(4));
}

// Reads `1e24`, `1.5 T`, `40%`, `12,000`.
function readNumber(text) {
  const match = /^([+-]?[\d.]+(?:e[+-]?\d+)?)\s*([kKMGBT%]?)$/.exec(text.replace(/[,\s_]+/g, "").replace("−", "-"));
  const factor = match && { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, B: 1e9, T: 1e12, "%": 0.01 }[match[2]];
  const value = match ? Number(match[1]) * factor : NaN;
  return Number.isFinite(value) ? value : null;
}

// As many digits as a field has room for; what is computed with keeps all.
function plainText(exact) {
  const value = Number(exact.toPrecision(4));
  return Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential().replace("e+", "e") : String(value);
}

// Connects the controls to `changed(moved)`; returns `{ moved, apply }`.
function connectControls(sliders, changed) {
  const moved = new Map();
  const rows = sliders.map((slider, number) => ({ slider, range: document.getElementById(`slider-${number}`), field: document.getElementById(`field-${number}`) }));
  const show = ({ slider, range, field }, keepField) => {
    const value = moved.get(slider.name) ?? slider.value;
    range.value = wayOf(slider, value);
    range.setAttribute("aria-valuetext", formatWithUnit(value, slider.notation, slider.unit));
    if (!keepField) field.value = plainText(value);
    range.closest(".control").classList.toggle("moved", moved.has(slider.name));
  };
  const move = (row, value, keepField) => {
    const clamped = Math.min(Math.max(value, Math.min(row.slider.from, row.slider.to)), Math.max(row.slider.from, row.slider.to));
    if (clamped === row.slider.value) moved.delete(row.slider.name);
    else moved.set(row.slider.name, clamped);
    show(row, keepField);
    schedule();
  };
  let waiting = false;
  const schedule = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      changed(moved);
      writeAddress(moved);
    });
  };
  for (const row of rows) {
    row.range.addEventListener("input", () => move(row, valueOf(row.slider, Number(row.range.value))));
    row.field.addEventListener("change", () => {
      const present = moved.get(row.slider.name) ?? row.slider.value;
      const value = row.field.value === plainText(present) ? present : readNumber(row.field.value);
      row.field.setAttribute("aria-invalid", String(value === null));
      if (value !== null) move(row, value);
    });
    row.field.addEventListener("keydown", (event) => { if (event.key === "Enter") row.field.dispatchEvent(new Event("change")); });
  }
  const apply = (values) => {
    moved.clear();
    for (const [name, value] of values) {
      const slider = sliders.find((slider) => slider.name === name);
      if (slider && value >= Math.min(slider.from, slider.to) && value <= Math.max(slider.from, slider.to) && value !== slider.value) moved.set(name, value);
    }
    rows.forEach((row) => { row.field.removeAttribute("aria-invalid"); show(row); });
    changed(moved);
    writeAddress(moved);
  };
  return { moved, apply };
}

function readAddress() {
  const text = location.hash.slice(1);
  if (!text.includes("=")) return new Map();
  // `1e+24` as typed: a plus sign in an address stands for a space.
  return new Map([...new URLSearchParams(text)].map(([name, value]) => [name, Number(value.replace(" ", "+"))]).filter(([, value]) => Number.isFinite(value)));
}

function writeAddress(moved) {
  const text = new URLSearchParams([...moved].map(([name, value]) => [name, String(value)])).toString();
  const anchor = location.hash.includes("=") ? "" : location.hash;
  if (`#${text}` === location.hash || (!text && location.hash === anchor)) return;
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    location.hash = text;
  }
}
