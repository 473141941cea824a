// Colours. Series: Okabe and Ito 2008, "Color Universal Design", in the order in which neighbours
// stay apart; lighter in the dark. Numbers: cividis (Nunez, Anderton, Renslow 2018).

const THEMES = {
  light: {
    ink: "#1b1e23", quiet: "#6b7280", grid: "#e4e7ec", axis: "#9aa1ac", paper: "#ffffff", region: "#eef0f3",
    series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b4b8a", "#8c6d31"],
  },
  dark: {
    ink: "#e7e9ee", quiet: "#9aa3b2", grid: "#2b313b", axis: "#6b7482", paper: "#14171c", region: "#20252d",
    series: ["#5cb3ee", "#f28a4b", "#35c79a", "#e39cc5", "#f0b83c", "#9ed6f7", "#a99be0", "#c9b06b"],
  },
};

const SHADES = ["#00224e", "#213a6e", "#44506d", "#666970", "#838079", "#a59a70", "#c9b75f", "#eed63f", "#fee838"];
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "pin", "arrow", "roundRect"];
const FONT = "Inter, Segoe UI, Roboto, Helvetica Neue, Arial, Liberation Sans, sans-serif";

// Black or white, whichever can be read on a colour.
function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16) / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 ? "#101318" : "#ffffff";
}

function shade(share) {
  const place = Math.min(Math.max(share, 0), 1) * (SHADES.length - 1), low = Math.min(Math.floor(place), SHADES.length - 2);
  const mix = (start) => Math.round(
    parseInt(SHADES[low].slice(start, start + 2), 16) * (low + 1 - place)
      + parseInt(SHADES[low + 1].slice(start, start + 2), 16) * (place - low));
  return `#${[1, 3, 5].map((start) => mix(start).toString(16).padStart(2, "0")).join("")}`;
}

// The colour of a value on a scale from `low` to `high`; on both sides of zero it has two arms.
function tint(value, { low, high }) {
  if (low >= 0 || high <= 0) return shade((value - low) / (high - low || 1));
  const share = Math.min(Math.abs(value) / Math.max(-low, high), 1), end = value < 0 ? [213, 94, 0] : [0, 114, 178];
  return `#${end.map((part) => Math.round(240 + (part - 240) * share).toString(16).padStart(2, "0")).join("")}`;
}
