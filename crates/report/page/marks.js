// Marks: from columns of a frame to series of ECharts.
//
// `at` holds what a panel knows: its scales `x` and `y`, its number `panel`, the theme, the frames
// `tables`, the widths of bars, and the colours given so far. A series keeps its mark and the rows
// of its frame under `isoflop`, for tooltips and tests.

function seriesOf(mark, at) {
  const table = at.tables[mark.frame];
  const column = (name) => (name ? table.columns[name].values : null);
  const columns = { x: column(mark.x), y: column(mark.y), low: column(mark.low), high: column(mark.high),
    by: column(mark.by), colour: column(mark.colour), text: column(mark.text) };
  const all = Array.from({ length: table.rows }, (_, row) => row);
  const groups = columns.by ? [...new Set(columns.by)].map((word) => ({
    name: String(word), rows: all.filter((row) => columns.by[row] === word),
  })) : [{ name: mark.name ?? "", rows: all }];
  return groups.flatMap((group, number) => {
    const colour = colourOf(mark, group.name, at);
    const given = { mark, columns, rows: group.rows, name: group.name, number, colour };
    return DRAW[mark.kind ?? "points"](given, at).map((series) => ({
      xAxisIndex: at.panel, yAxisIndex: at.panel, animation: false, clip: true, name: group.name,
      isoflop: { mark, rows: group.rows, panel: at.panel }, ...series,
    }));
  });
}

function colourOf(mark, name, at) {
  const hue = mark.hue ?? "next";
  if (hue === "ink") return at.theme.ink;
  if (hue === "quiet") return at.theme.quiet;
  if (typeof hue === "object" && !mark.by) return at.theme.series[hue.nth % at.theme.series.length];
  const key = name || `mark ${at.panel} ${at.colours.size}`;
  if (!at.colours.has(key)) at.colours.set(key, at.theme.series[at.colours.size % at.theme.series.length]);
  return at.colours.get(key);
}

// What must be visible, before axes are settled.
function coverMark(mark, at) {
  const table = at.tables[mark.frame];
  const values = (name) => (name ? table.columns[name].values : []);
  const sides = mark.lying ? { ends: at.x, x: at.x, y: at.y } : { ends: at.y, x: at.x, y: at.y };
  if (mark.kind === "region") {
    for (const value of [...values(mark.low), ...values(mark.high)]) cover(at.x, at.x.place(value));
    at.edge = Math.min(at.edge, ...values(mark.low).map(at.x.place));
    return;
  }
  if (mark.text && mark.lying && !mark.stacked && (mark.kind === "bars" || mark.kind === "span")) {
    const longest = Math.max(...values(mark.text).map((text) => String(text).length), 0);
    at.x.written = { both: mark.kind === "span", share: Math.min(Math.max(0.1, longest * 0.011), 0.3) };
  }
  for (const value of values(mark.x)) cover(sides.x, sides.x.place(value));
  for (const value of values(mark.y)) cover(sides.y, sides.y.place(value));
  for (const name of [mark.low, mark.high]) for (const value of values(name)) cover(sides.ends, sides.ends.place(value));
  if (mark.kind === "cells") {
    for (const [scale, name] of [[at.x, mark.x], [at.y, mark.y]]) {
      const edges = edgesOf(values(name), scale);
      for (const [low, high] of edges.values()) { cover(scale, low); cover(scale, high); }
      scale.tight = true;
    }
  }
  if (mark.kind === "bars") {
    const length = mark.lying ? at.x : at.y, along = mark.lying ? at.y : at.x;
    if (length.kind !== "log") cover(length, 0);
    if (mark.stacked) for (const total of stackTotals(mark, values)) cover(length, length.place(total));
    if (along.kind !== "words") {
      const half = spacing(values(mark.lying ? mark.y : mark.x).map(along.place)) / 2;
      cover(along, along.low - half);
      cover(along, along.high + half);
    }
  }
}

function stackTotals(mark, values) {
  const totals = new Map(), places = values(mark.lying ? mark.y : mark.x), lengths = values(mark.lying ? mark.x : mark.y);
  places.forEach((place, row) => totals.set(place, (totals.get(place) ?? 0) + (lengths[row] || 0)));
  return totals.values();
}

function spacing(places) {
  const sorted = [...new Set(places.filter(Number.isFinite))].sort((a, b) => a - b);
  return sorted.length < 2 ? 1 : Math.min(...sorted.slice(1).map((place, number) => place - sorted[number]));
}

// Each value with the places half way to its neighbours.
function edgesOf(values, scale) {
  const places = [...new Set(values)].map((value) => [value, scale.place(value)])
    .filter(([, place]) => Number.isFinite(place)).sort((a, b) => a[1] - b[1]);
  return new Map(places.map(([value, place], number) => {
    const before = places[number - 1]?.[1], after = places[number + 1]?.[1];
    const left = before === undefined ? (after === undefined ? 1 : after - place) : place - before;
    const right = after === undefined ? left : after - place;
    return [value, [place - left / 2, place + right / 2]];
  }));
}

const DASHES = { solid: "solid", dashed: [6, 4], dotted: [2, 3] };

const DRAW = {
  points({ mark, columns, rows, number, colour }, at) {
    const many = rows.length, size = many > 800 ? 3.5 : many > 200 ? 5 : many > 60 ? 6 : 8;
    const labelled = columns.text && many <= 12, taken = [];
    // A label is written where no earlier one stands.
    const written = (row) => {
      const x = ((at.x.place(columns.x[row]) - at.x.low) / (at.x.high - at.x.low)) * at.width;
      const y = ((at.y.place(columns.y[row]) - at.y.low) / (at.y.high - at.y.low)) * at.height;
      const free = taken.every(([otherX, otherY, wide]) => Math.abs(y - otherY) > 14 || x > otherX + wide || x + textWidth(columns.text[row], 11) < otherX);
      if (free) taken.push([x, y, textWidth(columns.text[row], 11) + 12]);
      return free ? String(columns.text[row]) : "";
    };
    const data = rows.map((row) => ({
      value: [at.x.place(columns.x[row]), at.y.place(columns.y[row]), columns.colour ? tinted(mark, columns.colour[row]) : 0, row],
      label: labelled ? labelOf(written(row)) : undefined,
    })).filter(({ value }) => Number.isFinite(value[0]) && Number.isFinite(value[1]));
    const dots = { type: "scatter", data, symbol: mark.by ? SYMBOLS[number % SYMBOLS.length] : "circle", symbolSize: size, z: 5,
      itemStyle: { color: colour, opacity: many > 400 ? 0.45 : 0.82, borderColor: at.theme.paper, borderWidth: many > 200 ? 0 : 0.8 },
      emphasis: { scale: 1.4 }, encode: { x: 0, y: 1 },
      label: labelled ? { show: true, position: "right", distance: 6, color: at.theme.ink, fontSize: 11, fontFamily: FONT } : undefined };
    const whiskers = columns.low ? [whiskersOf(columns, rows, colour, at, mark.lying, (row) => [columns.x[row], columns.y[row]])] : [];
    return [...whiskers, dots];
  },

  line({ mark, columns, rows, colour }, at) {
    const data = rows.map((row) => [at.x.place(columns.x[row]), at.y.place(columns.y[row]), row])
      .map((point) => (Number.isFinite(point[0]) && Number.isFinite(point[1]) ? point : ["-", "-", point[2]]));
    // Beyond the first shaded part the law is extrapolated, and dashed.
    const edge = mark.stroke && mark.stroke !== "solid" ? Infinity : at.edge;
    const parts = data.some(([x]) => x > edge) ? [["solid", data.filter(([x]) => !(x > edge))], ["dashed", data.filter(([x], place) => !(x < edge) || data[place + 1]?.[0] > edge)]]
      : [[mark.stroke ?? "solid", data]];
    return parts.map(([stroke, data]) => ({ type: "line", data, showSymbol: false, symbol: "circle", symbolSize: 6, connectNulls: false, z: 4, encode: { x: 0, y: 1 },
      itemStyle: { color: colour }, lineStyle: { color: colour, width: mark.hue === "quiet" ? 1.2 : 2.2, type: DASHES[stroke] },
      emphasis: { disabled: true } }));
  },

  band({ columns, rows, colour }, at) {
    const data = rows.map((row) => [at.x.place(columns.x[row]), at.y.place(columns.low[row]), at.y.place(columns.high[row]), row])
      .filter((point) => point.slice(0, 3).every(Number.isFinite));
    return [{ type: "custom", data, encode: { x: 0, y: [1, 2] }, z: 2, silent: true, itemStyle: { color: colour, opacity: 0.2 },
      renderItem: (item, api) => {
        if (item.dataIndexInside !== 0) return null;
        const points = [...data.map(([x, low]) => api.coord([x, low])), ...[...data].reverse().map(([x, , high]) => api.coord([x, high]))];
        return { type: "polygon", shape: { points }, style: { fill: colour, opacity: 0.2 } };
      } }];
  },

  bars({ mark, columns, rows, name, number, colour }, at) {
    const [along, length] = mark.lying ? [at.y, at.x] : [at.x, at.y];
    const [places, lengths] = mark.lying ? [columns.y, columns.x] : [columns.x, columns.y];
    const seats = Math.max(1, mark.stacked ? 1 : columns.by ? new Set(columns.by).size : 1);
    const full = along.kind === "words" ? 0.7 : spacing(places.map(along.place)) * 0.98;
    const width = full / seats, shift = mark.stacked ? 0 : -full / 2 + width * (number + 0.5);
    const base = (row) => {
      if (!mark.stacked) return length.kind === "log" ? length.low : 0;
      const key = `${at.panel} ${places[row]}`, before = at.stacks.get(key) ?? 0;
      at.stacks.set(key, before + lengths[row]);
      return before;
    };
    const data = rows.map((row) => {
      const from = base(row), to = mark.stacked ? from + lengths[row] : length.place(lengths[row]);
      return [along.place(places[row]) + shift, from, to, row];
    }).filter((bar) => bar.slice(0, 3).every(Number.isFinite));
    const bars = { type: "custom", data, z: 3, itemStyle: { color: colour }, encode: encoding(mark.lying),
      renderItem: rectangles(mark.lying, width * (seats > 1 ? 0.92 : 1), data, () => ({ fill: colour, opacity: along.kind === "words" ? 1 : 0.75 })) };
    const whiskers = columns.low ? [whiskersOf(columns, rows, at.theme.ink, at, mark.lying, (row) => {
      const place = along.place(places[row]) + shift;
      return mark.lying ? [lengths[row], { place }] : [{ place }, lengths[row]];
    })] : [];
    const written = columns.text ? [labels(mark, columns, rows, data, at, name)] : [];
    return [bars, ...whiskers, ...written];
  },

  span({ mark, columns, rows, colour, name }, at) {
    // What never comes lies beyond the edge.
    const place = (value) => Math.min(at.x.place(value), at.x.high);
    const data = rows.map((row) => [at.y.place(columns.y[row]), place(columns.low[row]), place(columns.high[row]), row])
      .filter((bar) => bar.slice(0, 3).every(Number.isFinite));
    const thin = Boolean(columns.x);
    const spans = { type: "custom", data, z: 3, itemStyle: { color: colour }, encode: encoding(true),
      renderItem: rectangles(true, thin ? 0.22 : 0.62, data, () => ({ fill: colour, opacity: thin ? 0.45 : 0.95 })) };
    const dots = thin ? [{ type: "scatter", z: 5, symbolSize: 9, itemStyle: { color: colour, borderColor: at.theme.paper, borderWidth: 1 },
      data: rows.map((row) => [at.x.place(columns.x[row]), at.y.place(columns.y[row]), 0, row]).filter((p) => Number.isFinite(p[0])) }] : [];
    const written = columns.text ? [labels(mark, columns, rows, data, at, name, colour)] : [];
    return [spans, ...dots, ...written];
  },

  cells({ mark, columns, rows }, at) {
    const [columnsOf, rowsOf] = [edgesOf(columns.x, at.x), edgesOf(columns.y, at.y)];
    const scale = at.tints.get(mark);
    const data = rows.map((row) => [...(columnsOf.get(columns.x[row]) ?? [NaN, NaN]), ...(rowsOf.get(columns.y[row]) ?? [NaN, NaN]), tinted(mark, columns.colour[row]), row])
      .filter((cell) => cell.slice(0, 5).every(Number.isFinite));
    const fontSize = at.width / columnsOf.size < 70 ? 10 : 13;
    return [{ type: "custom", data, z: 1, encode: { x: [0, 1], y: [2, 3] }, renderItem: (item, api) => {
      const [left, right, low, high, value, row] = data[item.dataIndex];
      const [a, b] = [api.coord([left, low]), api.coord([right, high])];
      const shape = { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]), width: Math.abs(b[0] - a[0]) + 0.4, height: Math.abs(b[1] - a[1]) + 0.4 };
      const fill = mark.colour_log ? shade((value - scale.low) / (scale.high - scale.low)) : tint(value, scale);
      const text = columns.text ? String(columns.text[row]) : "";
      return { type: "rect", shape, style: { fill },
        textContent: text ? { type: "text", style: { text, fill: inkOn(fill), font: `600 ${fontSize}px ${FONT}`, lineHeight: Math.round(fontSize * 1.3), align: "center", verticalAlign: "middle" } } : undefined,
        textConfig: { position: "inside" } };
    } }];
  },

  rule({ mark, columns, rows, colour }, at) {
    const upright = Boolean(columns.x), scale = upright ? at.x : at.y, values = columns.x ?? columns.y;
    const data = rows.map((row) => [scale.place(values[row]), row]).filter(([place]) => Number.isFinite(place));
    return [{ type: "custom", data, z: 6, silent: true, itemStyle: { color: colour }, encode: upright ? { x: 0, y: [] } : { y: 0, x: [] },
      renderItem: (item, api) => {
        const [place, row] = data[item.dataIndex], box = item.coordSys;
        const point = api.coord(upright ? [place, at.y.low] : [at.x.low, place]);
        const shape = upright ? { x1: point[0], x2: point[0], y1: box.y, y2: box.y + box.height }
          : { x1: box.x, x2: box.x + box.width, y1: point[1], y2: point[1] };
        const line = { type: "line", shape, style: { stroke: colour, lineWidth: 1.4, lineDash: DASHES[mark.stroke ?? "solid"] === "solid" ? null : DASHES[mark.stroke] } };
        if (!columns.text) return line;
        const right = upright && point[0] > box.x + box.width * 0.7;
        const style = { text: String(columns.text[row]), fill: colour, font: `600 11px ${FONT}`, align: upright ? (right ? "right" : "left") : "right",
          x: upright ? point[0] + (right ? -5 : 5) : box.x + box.width - 4, y: upright ? box.y + 4 + 14 * (item.dataIndex % 3) : point[1] - 15,
          stroke: at.theme.paper, lineWidth: 3 };
        return { type: "group", children: [line, { type: "text", style }] };
      } }];
  },

  region({ columns, rows }, at) {
    const data = rows.map((row) => [at.x.place(columns.low[row]), at.x.place(columns.high[row]), row])
      .map(([low, high, row]) => [Number.isFinite(low) ? low : at.x.low, Number.isFinite(high) ? high : at.x.high, row]);
    return [{ type: "custom", data, z: 0, silent: true, encode: { x: [0, 1], y: [] }, itemStyle: { color: at.theme.region },
      renderItem: (item, api) => {
        const [low, high, row] = data[item.dataIndex], box = item.coordSys;
        const left = Math.max(api.coord([low, at.y.low])[0], box.x), right = Math.min(api.coord([high, at.y.low])[0], box.x + box.width);
        if (right <= left) return null;
        const area = { type: "rect", shape: { x: left, y: box.y, width: right - left, height: box.height }, style: { fill: at.theme.region } };
        const edge = { type: "line", shape: { x1: left, x2: left, y1: box.y, y2: box.y + box.height }, style: { stroke: at.theme.axis, lineDash: [2, 3] } };
        const style = { text: String(columns.text?.[row] ?? ""), fill: at.theme.quiet, font: `italic 11px ${FONT}`, x: right - 6, y: box.y + box.height - 17, align: "right",
          width: right - left - 8, overflow: "truncate" };
        return { type: "group", children: [area, ...(left > box.x + 1 ? [edge] : []), { type: "text", style }] };
      } }];
  },
};

function encoding(lying) {
  return lying ? { y: 0, x: [1, 2] } : { x: 0, y: [1, 2] };
}

function rectangles(lying, width, data, style) {
  return (item, api) => {
    const [along, from, to] = data[item.dataIndex];
    const [a, b] = lying ? [api.coord([from, along - width / 2]), api.coord([to, along + width / 2])]
      : [api.coord([along - width / 2, from]), api.coord([along + width / 2, to])];
    const shape = { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]), width: Math.max(Math.abs(b[0] - a[0]), 0.5), height: Math.max(Math.abs(b[1] - a[1]), 0.5) };
    return { type: "rect", shape, style: style(item.dataIndex) };
  };
}

function whiskersOf(columns, rows, colour, at, lying, centre) {
  const placed = (scale, value) => (typeof value === "object" ? value.place : scale.place(value));
  const data = rows.map((row) => {
    const [x, y] = centre(row);
    const along = lying ? placed(at.y, y) : placed(at.x, x), scale = lying ? at.x : at.y;
    return [along, scale.place(columns.low[row]), scale.place(columns.high[row]), row];
  }).filter((whisker) => whisker.slice(0, 3).every(Number.isFinite));
  return { type: "custom", data, z: 4, silent: true, encode: encoding(lying), itemStyle: { color: colour },
    renderItem: (item, api) => {
      const [along, low, high] = data[item.dataIndex];
      const [a, b] = lying ? [api.coord([low, along]), api.coord([high, along])] : [api.coord([along, low]), api.coord([along, high])];
      const style = { stroke: colour, lineWidth: 1.4 }, cap = (point) => (lying
        ? { type: "line", shape: { x1: point[0], x2: point[0], y1: point[1] - 3, y2: point[1] + 3 }, style }
        : { type: "line", shape: { x1: point[0] - 3, x2: point[0] + 3, y1: point[1], y2: point[1] }, style });
      return { type: "group", children: [{ type: "line", shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] }, style }, cap(a), cap(b)] };
    } };
}

function labelOf(text) {
  return { show: text !== "", formatter: () => text };
}

// Words at the far end of bars.
function labels(mark, columns, rows, data, at, name, colour) {
  return { type: "custom", data, z: 6, silent: true, encode: encoding(mark.lying), isoflop: null, name, itemStyle: { color: "transparent" },
    renderItem: (item, api) => {
      const [along, from, to, row] = data[item.dataIndex], text = String(columns.text[row] ?? "");
      if (!text) return null;
      if (mark.kind === "span" && columns.high[row] === Infinity) {
        const never = `${text}: never`, [edge, height] = api.coord([to, along]);
        if (edge - api.coord([from, along])[0] < textWidth(never, 11) + 8) return null;
        return { type: "text", style: { text: never, x: edge - 5, y: height, fill: inkOn(colour), font: `400 11px ${FONT}`, align: "right", verticalAlign: "middle" } };
      }
      const backward = mark.lying && to < from;
      const point = api.coord(mark.lying ? [to, along] : [along, to]);
      const inside = mark.stacked;
      const middle = mark.lying ? api.coord([(from + to) / 2, along]) : api.coord([along, (from + to) / 2]);
      const room = mark.lying ? Math.abs(api.coord([to, along])[0] - api.coord([from, along])[0]) : Infinity;
      if (inside && room < text.length * 6.5 + 6) return null;
      const place = inside ? middle : mark.lying ? [point[0] + (backward ? -5 : 5), point[1]] : [point[0], point[1] - 9];
      return { type: "text", style: { text, x: place[0], y: place[1], fill: inside ? "#ffffff" : at.theme.ink, font: `${inside ? 600 : 400} 11px ${FONT}`,
        align: inside ? "center" : mark.lying ? (backward ? "right" : "left") : "center", verticalAlign: "middle" } };
    } };
}

function tinted(mark, value) {
  return mark.colour_log ? Math.log10(value) : value;
}
