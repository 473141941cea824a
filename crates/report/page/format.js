// Numbers as people read them: the same as src/format.rs, which a test compares.

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function formatNumber(value, notation = "plain") {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "never" : "−∞";
  const sign = value < 0 ? "−" : "", size = Math.abs(value);
  if (notation === "dollars") return `${sign}$${formatShort(size)}`;
  if (notation === "date") return formatDate(value);
  const shown = notation === "fine" && (size === 0 || (size >= 1e-3 && size < 1e6)) ? size.toFixed(4)
    : ["fine", "power"].includes(notation) || (notation === "whole" && size >= 1e15) ? formatPower(size)
    : notation === "short" ? formatShort(size)
    : notation === "percent" ? formatPercent(size)
    : notation === "whole" && size < 1e15 ? grouped(size.toFixed(0))
    : formatPlain(size);
  return /[1-9¹-⁹]/.test(shown) ? sign + shown : shown;
}

function formatWithUnit(value, notation, unit) {
  const shown = formatNumber(value, notation);
  return unit && Number.isFinite(value) ? `${shown} ${unit}` : shown;
}

function formatPlain(size) {
  if (size === 0) return "0";
  return size < 1e-3 || size >= 1e6 ? formatPower(size) : significant(size, 3);
}

function formatShort(size) {
  if (size < 1e-3) return formatPlain(size);
  if (size >= 999.5e12) return formatPower(size);
  for (const [factor, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= factor * 0.9995) return `${significant(size / factor, 3)} ${letter}`;
  }
  return significant(size, 3);
}

function formatPercent(size) {
  const share = size * 100;
  if (share === 0) return "0%";
  if (share < 0.01 || share >= 1e6) return `${formatPower(share)}%`;
  if (share < 9.95) return `${significant(share, 2)}%`;
  // Nearly all is not all: two digits of what is missing.
  if (share >= 99.95 && share < 100) return `${share.toFixed(Math.min(Math.floor(-Math.log10(1 - size)), 7) - 1)}%`;
  if (share >= 99 && share < 100) return `${significant(share, 3)}%`;
  return `${grouped(share.toFixed(0))}%`;
}

function formatPower(size) {
  if (size === 0) return "0";
  const [mantissa, exponent] = size.toExponential(2).split("e");
  const raised = `10${superscript(Number(exponent))}`, short = trimmed(mantissa);
  return short === "1" ? raised : `${short}×${raised}`;
}

function superscript(exponent) {
  return (exponent < 0 ? "⁻" : "") + String(Math.abs(exponent)).replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);
}

function significant(size, digits) {
  const exponent = Number(size.toExponential(digits - 1).split("e")[1]);
  return grouped(trimmed(size.toFixed(Math.max(digits - 1 - exponent, 0))));
}

function trimmed(written) {
  return written.includes(".") ? written.replace(/\.?0+$/, "") : written;
}

function grouped(written) {
  const [whole, rest] = written.split(".");
  const out = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? out : `${out}.${rest}`;
}

function formatDate(year) {
  const months = Math.floor(year * 12 + 1e-6);
  return `${MONTHS[((months % 12) + 12) % 12]} ${Math.floor(months / 12)}`;
}
