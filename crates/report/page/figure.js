// A figure as an option of ECharts: the same in the page and in static files.

// The tables of a figure by name: `{ rows, columns: { name: { unit, values } } }`.
function tablesOf(figure) {
  return Object.fromEntries(figure.frames.map((frame) => {
    const columns = Object.fromEntries(frame.columns.map((column) => [column.name,
      { unit: column.unit, values: column.values.words ?? column.values.numbers.map(numberOf) }]));
    const first = frame.columns[0];
    return [frame.name, { rows: first ? columns[first.name].values.length : 0, columns }];
  }));
}

// JSON has no NaN and no infinities: they are null and words in it.
function numberOf(written) {
  return written === null ? NaN : Number(written);
}

// Lays out `figure` in `width` pixels: `{ option, height }`. `framed` writes title and source too,
// for files that stand alone.
function layOut(figure, tables, { width, theme: themeName, framed }) {
  const theme = THEMES[themeName];
  const panels = figure.panels.length;
  const narrow = width < 560;
  const wished = figure.columns || (panels > 4 ? 3 : panels);
  const across = Math.max(1, Math.min(wished, panels, narrow ? (panels >= 9 ? wished : 1) : Math.max(1, Math.floor(width / 250))));
  const down = Math.ceil(panels / across);
  const colours = new Map(), legend = new Map(), shared = { theme, tables, colours, stacks: new Map() };

  const head = framed ? headOf(figure, width, theme) : { height: 0, elements: [] };
  const places = figure.panels.map((panel, number) => {
    const at = { ...shared, panel: number, x: makeScale(panel.x, false), y: makeScale(panel.y, true), tints: new Map(), edge: Infinity };
    for (const mark of panel.marks) coverMark(mark, at);
    for (const scale of [at.x, at.y]) {
      const tight = scale.tight && { low: scale.low, high: scale.high };
      settle(scale);
      if (tight) Object.assign(scale, tight);
    }
    for (const mark of panel.marks) if (mark.colour) at.tints.set(mark, tintOf(mark, tables));
    return at;
  });
  // Names enter the legend once, in order of appearance.
  figure.panels.forEach((panel) => panel.marks.forEach((mark) => {
    const names = mark.by ? [...new Set(tables[mark.frame].columns[mark.by].values)].map(String) : [mark.name].filter(Boolean);
    for (const name of names) if (!legend.has(name)) legend.set(name, { mark, colour: colourOf(mark, name, shared) });
  }));
  const names = legendOf(legend, width - 24, narrow, theme);

  const bare = figure.panels.every((panel) => !panel.y.label && !panel.title);
  const gap = { top: panels > 1 ? 44 : bare ? 10 : 30, bottom: figure.panels.some((panel) => panel.x.label) ? 48 : 30, right: 18 };
  const cell = (width - 8) / across;
  const tall = panels === 1 ? heightOf(figure.panels[0], width) : Math.max(150, Math.min(cell * 0.72, heightOf(figure.panels[0], cell)));
  const option = { animation: false, backgroundColor: framed ? theme.paper : "transparent", textStyle: { fontFamily: FONT, color: theme.ink },
    grid: [], xAxis: [], yAxis: [], series: [], visualMap: [], graphic: [...head.elements], aria: { enabled: false } };
  let top = head.height + names.height;
  const panelHeight = gap.top + tall + gap.bottom;
  figure.panels.forEach((panel, number) => {
    const at = places[number];
    const column = number % across, row = Math.floor(number / across);
    const tint = [...at.tints.entries()][0];
    const right = gap.right + (tint ? 58 : 0);
    const wantedY = at.y.kind === "words" ? Infinity : Math.max(3, Math.round(tall / 55));
    const yTicks = ticksOf(at.y, wantedY), writeY = tickWriter(at.y, yTicks);
    const longest = Math.max(...yTicks.map((tick) => textWidth(writeY(tick), 11)), 12);
    const left = Math.min(longest, cell * (narrow ? 0.36 : 0.4)) + 18;
    const inner = cell - left - right;
    Object.assign(at, { width: inner, height: tall });
    const xTicks = fitTicks(at.x, inner), writeX = tickWriter(at.x, xTicks);
    const box = { left: 4 + column * cell + left, top: top + row * panelHeight + gap.top, width: inner, height: tall };
    option.grid.push({ ...box, containLabel: false });
    option.xAxis.push(axisOption(at.x, xTicks, writeX, theme, { gridIndex: number, name: axisName(panel.x), below: true, room: inner }));
    option.yAxis.push(axisOption(at.y, yTicks, writeY, theme, { gridIndex: number, name: "", room: left - 14 }));
    option.graphic.push({ type: "text", left: box.left - left + 10, top: box.top - (panels > 1 && panel.title ? 20 : 22), silent: true,
      style: { text: axisName(panel.y), fill: theme.quiet, font: `11.5px ${FONT}`, width: cell - 20, overflow: "truncate" } });
    if (panel.title) option.graphic.push({ type: "text", left: box.left - left + 10, top: box.top - 38, silent: true,
      style: { text: panel.title, fill: theme.ink, font: `600 13px ${FONT}`, width: cell - 20, overflow: "truncate" } });
    for (const mark of panel.marks) option.series.push(...seriesOf(mark, at));
    if (tint) option.graphic.push(...tintScale(tint, box, theme, tables));
  });
  option.graphic.push(...names.elements.map((element) => ({ ...element, top: element.top + head.height })));
  const foot = framed ? footOf(figure, width, top + down * panelHeight, theme) : { height: 0, elements: [] };
  option.graphic.push(...foot.elements);
  option.tooltip = { trigger: "item", confine: true, backgroundColor: theme.paper, borderColor: theme.axis, padding: [6, 10],
    textStyle: { color: theme.ink, fontSize: 12, fontFamily: FONT } };
  return { option, height: Math.ceil(top + down * panelHeight + foot.height), panels: places };
}

function heightOf(panel, width) {
  if (panel.y.scale?.words) return Math.max(90, panel.y.scale.words.length * 30 + 8);
  if (panel.x.scale?.words && panel.marks.some((mark) => mark.kind === "cells")) return Math.max(160, Math.min(width * 0.5, 280));
  return Math.round(Math.max(200, Math.min(width * 0.52, 380)));
}

function axisName(axis) {
  return axis.unit ? `${axis.label} (${axis.unit})` : axis.label;
}

function textWidth(text, size) {
  return String(text).length * size * 0.54;
}

// As many ticks as have room for their labels.
function fitTicks(scale, room) {
  for (let wanted = Math.max(2, Math.round(room / 70)); wanted > 1; wanted--) {
    const ticks = ticksOf(scale, wanted), write = tickWriter(scale, ticks);
    if (scale.kind === "words" || ticks.reduce((sum, tick) => sum + textWidth(write(tick), 11) + 12, 0) <= room) return ticks;
  }
  return ticksOf(scale, 2);
}

function axisOption(scale, ticks, write, theme, { gridIndex, name, below, room }) {
  const each = scale.kind === "words" && below ? room / scale.words.length - 6 : room;
  return { type: "value", gridIndex, min: scale.low, max: scale.high, inverse: scale.kind === "words" && scale.upright,
    name, nameLocation: "middle", nameGap: 30, nameTextStyle: { color: theme.quiet, fontSize: 11.5, fontFamily: FONT },
    axisLine: { show: Boolean(below), onZero: false, lineStyle: { color: theme.axis } },
    axisTick: { show: Boolean(below) && scale.kind !== "words", customValues: ticks, length: 4, lineStyle: { color: theme.axis } },
    axisLabel: { customValues: ticks, formatter: write, color: theme.quiet, fontSize: 11, fontFamily: FONT, hideOverlap: true,
      showMinLabel: true, showMaxLabel: true, width: each, overflow: scale.kind === "words" ? (below ? "break" : "truncate") : "none" },
    splitLine: { show: scale.kind !== "words", lineStyle: { color: theme.grid, width: 1 } }, splitNumber: 5 };
}

// Our own legend: it shows dots, lines, dashes and bands as they are drawn, and never hides a mark.
function legendOf(legend, room, narrow, theme) {
  if (legend.size < 1) return { height: 0, elements: [] };
  const elements = [];
  let [x, line] = [12, 0];
  const bands = new Map();
  for (const [name, { mark, colour }] of legend) {
    // An inner band lies on the outer one of its colour, and is darker.
    const depth = mark.kind === "band" ? (bands.get(colour) ?? 0) + 1 : 0;
    bands.set(colour, Math.max(depth, bands.get(colour) ?? 0));
    const wide = 30 + textWidth(name, 11.5) + 12;
    if (x > 12 && x + wide > room + 12) [x, line] = [12, line + 1];
    const top = 6 + line * 19;
    elements.push({ type: "group", left: x, top, silent: true, children: [swatch(mark, colour, depth, theme),
      { type: "text", x: 28, y: 1, style: { text: name, fill: theme.ink, font: `11.5px ${FONT}`, width: room - 30, overflow: "truncate" } }] });
    x += wide;
  }
  return { height: line * 19 + 26, elements };
}

function swatch(mark, colour, depth, theme) {
  const holder = { type: "rect", shape: { x: 0, y: 0, width: 22, height: 13 }, style: { fill: "transparent" } };
  const shape = { points: { type: "circle", shape: { cx: 11, cy: 7, r: 4 }, style: { fill: colour } },
    line: { type: "line", shape: { x1: 0, y1: 7, x2: 22, y2: 7 }, style: { stroke: colour, lineWidth: 2.2, lineDash: mark.stroke && mark.stroke !== "solid" ? DASHES[mark.stroke] : null } },
    band: { type: "rect", shape: { x: 0, y: 2, width: 22, height: 10 }, style: { fill: colour, opacity: 1 - 0.8 ** depth } },
    rule: { type: "line", shape: { x1: 11, y1: 0, x2: 11, y2: 13 }, style: { stroke: colour, lineWidth: 1.6, lineDash: mark.stroke && mark.stroke !== "solid" ? DASHES[mark.stroke] : null } },
    region: { type: "rect", shape: { x: 2, y: 1, width: 18, height: 11 }, style: { fill: theme.region, stroke: theme.axis, lineDash: [2, 3] } },
  }[mark.kind ?? "points"] ?? { type: "rect", shape: { x: 3, y: 2, width: 16, height: 10 }, style: { fill: colour } };
  return { type: "group", children: [holder, shape] };
}

function tintOf(mark, tables) {
  const values = tables[mark.frame].columns[mark.colour].values.map((value) => tinted(mark, value)).filter(Number.isFinite);
  const low = Math.min(...values), high = Math.max(...values);
  return { low, high: high > low ? high : low + 1 };
}

// The scale of colours beside a panel.
function tintScale([mark, { low, high }], box, theme, tables) {
  const steps = 24, x = box.left + box.width + 10, tall = Math.min(box.height, 160) / steps;
  const write = (place) => formatNumber(mark.colour_log ? 10 ** place : place, "plain");
  const column = tables[mark.frame].columns[mark.colour], name = column.unit ? `${mark.colour} (${column.unit})` : mark.colour;
  const cells = Array.from({ length: steps }, (_, step) => ({ type: "rect", silent: true, shape: { x, y: box.top + (steps - 1 - step) * tall, width: 9, height: tall + 0.5 },
    style: { fill: mark.colour_log ? shade(step / (steps - 1)) : tint(low + ((high - low) * step) / (steps - 1), { low, high }) } }));
  const ends = [[high, 0], [(low + high) / 2, 0.5], [low, 1]].map(([place, share]) => ({ type: "text", silent: true, x: x + 13, y: box.top + share * tall * steps,
    style: { text: write(place), fill: theme.quiet, font: `10.5px ${FONT}`, verticalAlign: share === 0 ? "top" : share === 1 ? "bottom" : "middle" } }));
  return [...cells, ...ends, { type: "text", silent: true, x: x + 48, y: box.top - 10, style: { text: name, fill: theme.quiet, font: `11px ${FONT}`, align: "right", verticalAlign: "bottom" } }];
}

function headOf(figure, width, theme) {
  const elements = [];
  let top = 14;
  for (const [text, size, weight, fill] of [[figure.title, 16, 600, theme.ink], [figure.subtitle, 12, 400, theme.quiet]]) {
    if (!text) continue;
    const lines = wrapped(text, width - 28, size);
    elements.push({ type: "text", left: 14, top, silent: true, style: { text: lines.join("\n"), fill, font: `${weight} ${size}px ${FONT}`, lineHeight: size * 1.35 } });
    top += lines.length * size * 1.35 + 4;
  }
  return { height: top + 2, elements };
}

function footOf(figure, width, top, theme) {
  if (!figure.source) return { height: 8, elements: [] };
  const lines = wrapped(`Source: ${figure.source}`, width - 28, 10.5);
  return { height: lines.length * 14 + 14, elements: [{ type: "text", left: 14, top: top + 2, silent: true,
    style: { text: lines.join("\n"), fill: theme.quiet, font: `10.5px ${FONT}`, lineHeight: 14 } }] };
}

function wrapped(text, room, size) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines[lines.length - 1];
    if (line && textWidth(`${line} ${word}`, size) > room) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

// A figure as the text of an SVG that stands alone.
function drawSvg(figure, tables, { width, theme, framed }) {
  const { option, height } = layOut(figure, tables, { width, theme, framed });
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
