// Axes: from values to places, where they begin and end, and their ticks.
//
// ECharts gets linear axes only. A logarithmic axis holds log10 of the values, and an axis of words
// their numbers, so that ticks stand where a reader of a paper expects them.

function makeScale(axis, upright) {
  const kind = typeof axis.scale === "string" ? axis.scale : "words";
  const words = kind === "words" ? axis.scale.words : null;
  const place = kind === "log" ? (value) => (value > 0 ? Math.log10(value) : NaN)
    : kind === "words" ? (value) => { const at = words.indexOf(String(value)); return at < 0 ? NaN : at; }
    : (value) => value;
  return { kind, words, place, upright, unit: axis.unit, label: axis.label, low: Infinity, high: -Infinity,
    from: axis.from ?? null, to: axis.to ?? null };
}

// Takes in a place that must be visible.
function cover(scale, place) {
  if (!Number.isFinite(place)) return;
  if (place < scale.low) scale.low = place;
  if (place > scale.high) scale.high = place;
}

function settle(scale) {
  if (scale.kind === "words") {
    scale.low = -0.5;
    scale.high = scale.words.length - 0.5;
    return;
  }
  if (!(scale.low <= scale.high)) [scale.low, scale.high] = scale.kind === "date" ? [2000, 2100] : [0, 1];
  const given = [scale.from, scale.to].map((end) => (end === null ? null : scale.place(end)));
  const width = scale.high - scale.low || Math.abs(scale.high) * 0.2 || 1;
  const touchesZero = scale.kind !== "log" && scale.low === 0;
  if (scale.high === scale.low) [scale.low, scale.high] = [scale.low - width / 2, scale.high + width / 2];
  else {
    if (!touchesZero) scale.low -= width * 0.04;
    scale.high += width * 0.05;
    // Room for words at the ends of bars.
    if (scale.written) scale.high += width * scale.written.share;
    if (scale.written?.both) scale.low -= width * (scale.written.share + 0.02);
  }
  if (Number.isFinite(given[0])) scale.low = given[0];
  if (Number.isFinite(given[1])) scale.high = given[1];
  if (scale.low >= scale.high) scale.high = scale.low + 1;
}

// Places of about `wanted` ticks.
function ticksOf(scale, wanted) {
  const { low, high, kind } = scale;
  if (kind === "words") return scale.words.map((_, number) => number);
  if (kind === "log" && high - low > 0.75) {
    const decades = Math.floor(high) - Math.ceil(low);
    if (decades >= 2 || (decades >= 1 && wanted < 5)) {
      const step = Math.max(1, Math.ceil((decades + 1) / wanted));
      return upTo(Math.ceil(low / step) * step, high, step);
    }
    const mantissas = high - low > 1.5 || wanted < 5 ? [1, 3] : [1, 2, 5];
    return upTo(Math.floor(low), high, 1)
      .flatMap((decade) => mantissas.map((mantissa) => decade + Math.log10(mantissa)))
      .filter((place) => place >= low && place <= high);
  }
  if (kind === "log") {
    return niceSteps(10 ** low, 10 ** high, wanted).map(Math.log10).filter((place) => place >= low && place <= high);
  }
  if (kind === "date" && high - low < 3) {
    const step = [1, 2, 3, 6, 12].find((months) => ((high - low) * 12) / months <= wanted) / 12 || 1;
    return upTo(Math.ceil(low / step) * step, high, step);
  }
  const places = niceSteps(low, high, wanted, kind === "date" ? 1 : 0);
  return places.length > 1 || kind === "date" ? places : niceSteps(low, high, 2 * wanted);
}

function niceSteps(low, high, wanted, least = 0) {
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999));
  return upTo(Math.ceil(low / step - 1e-9) * step, high, step);
}

function upTo(first, high, step) {
  const out = [];
  for (let number = 0; first + number * step <= high + step * 1e-9 && number < 200; number++) {
    const place = first + number * step;
    out.push(Math.abs(place) < step * 1e-9 ? 0 : place);
  }
  return out;
}

// Writes places: the same notation for all ticks of an axis.
function tickWriter(scale, ticks) {
  const values = ticks.map((place) => valueAt(scale, place));
  const largest = Math.max(...values.map(Math.abs), 0);
  if (scale.kind === "words") return (place) => scale.words[Math.round(place)] ?? "";
  if (scale.kind === "percent") return (place) => `${trimmed((place * 100).toFixed(2))}%`;
  if (scale.kind === "date") {
    const whole = ticks.every((place) => Math.abs(place - Math.round(place)) < 1e-6);
    return (place) => (whole ? String(Math.round(place)) : formatDate(place));
  }
  const scaled = /^(param|token|USD|\$|GPU|bit|B)/.test(scale.unit ?? "");
  const notation = largest >= 1e15 || (!scaled && largest >= 1e6) ? "power" : largest >= 1e4 ? "short" : "plain";
  const decimals = stepDecimals(values);
  return (place) => {
    const value = valueAt(scale, place);
    if (notation === "power") return formatNumber(value, "power");
    if (notation === "short") return formatNumber(value, "short");
    if (scale.kind !== "log" && largest < 1e4 && largest >= 1e-3) return value.toFixed(decimals).replace("-", "−");
    return formatNumber(Number(value.toPrecision(6)), "plain");
  };
}

function stepDecimals(values) {
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : Math.abs(values[0] ?? 1);
  for (let decimals = 0; decimals < 6; decimals++) {
    if (Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) < 1e-6) return decimals;
  }
  return 3;
}

function valueAt(scale, place) {
  return scale.kind === "log" ? 10 ** place : place;
}
