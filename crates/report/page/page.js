// The page: unpacks what is embedded, draws figures when they come near, answers sliders.

async function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function start() {
  const [data, library] = await Promise.all([unpack("data").then(JSON.parse), unpack("library")]);
  const script = document.createElement("script");
  script.textContent = library;
  document.head.append(script);
  const { document: content } = data, numbers = data.numbers.map(readBack);
  const choices = data.choices.map((choice) => ({ ...choice, value: numberOf(choice.value) }));
  const live = content.live?.sliders.length > 0 && new LiveModel(content.live, window.isoflopPrograms ?? []);
  const figures = content.sections.flatMap((section) => section.blocks).filter((block) => block.figure)
    .map(({ figure }) => new FigureView(figure, document.getElementById(figure.name)));
  const dark = matchMedia("(prefers-color-scheme: dark)"), printing = matchMedia("print");
  const theme = () => (printing.matches ? "light" : document.documentElement.dataset.theme || (dark.matches ? "dark" : "light"));
  const redraw = () => figures.forEach((figure) => figure.stale("layout"));

  const near = new IntersectionObserver((entries) => entries.forEach((entry) => {
    const figure = figures.find((figure) => figure.box === entry.target);
    figure.near = entry.isIntersecting;
    if (figure.near) figure.draw();
  }), { rootMargin: "300px" });
  for (const figure of figures) {
    figure.theme = theme;
    figure.connect();
    near.observe(figure.box);
  }
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
  dark.addEventListener("change", redraw);
  printing.addEventListener("change", () => figures.forEach((figure) => { figure.stale("layout"); figure.draw(); }));
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    redraw();
  });

  const report = { figures, live, ready: false, took: 0 };
  if (live) {
    // On a narrow screen the inputs would cover the answer: one tap away.
    if (matchMedia("(max-width: 69.99rem)").matches) document.querySelector(".controls details").open = false;
    const elements = numbers.map((_, number) => [...document.querySelectorAll(`[data-number="${number}"]`)]);
    const words = choices.map((_, number) => [...document.querySelectorAll(`[data-choice="${number}"]`)]);
    const reset = document.getElementById("reset"), status = document.getElementById("status");
    const stills = [...document.querySelectorAll("[data-still]")].map((element) => ({ element, sliders: element.dataset.still.split(" ").map((number) => content.live.sliders[number].name) }));
    let before = new Map(), settled = 0, beyond = 0;
    const changed = (moved) => {
      const began = performance.now();
      const names = new Set([...moved.keys(), ...before.keys()].filter((name) => moved.get(name) !== before.get(name)));
      before = new Map(moved);
      live.set(moved);
      report.answers = numbers.map((number, place) => {
        if (names.size && !live.depends(number.live, names) && report.answers) return report.answers[place];
        // What no moved slider reaches stays the study's, which may rest on more draws.
        const answer = live.depends(number.live, moved) ? renewed(live, number) : number;
        for (const element of elements[place]) showNumber(element, answer);
        return answer;
      });
      choices.forEach((choice, place) => {
        const value = live.depends(choice.live, moved) ? live.values(choice.live)[0] : choice.value;
        for (const element of words[place]) element.textContent = wordsOf(choice, value);
      });
      for (const figure of figures) figure.renew(live, names, moved);
      for (const { element, sliders } of stills) element.hidden = !sliders.some((name) => moved.has(name));
      // What is in sight at once; what is just beyond it when this is done.
      for (const figure of figures) if (figure.near && figure.inSight()) figure.draw();
      clearTimeout(beyond);
      beyond = setTimeout(() => { for (const figure of figures) if (figure.near) figure.draw(); });
      reset.disabled = moved.size === 0;
      document.body.classList.toggle("changed", moved.size > 0);
      report.took = performance.now() - began;
      clearTimeout(settled);
      settled = setTimeout(() => {
        const still = stills.filter(({ element }) => !element.hidden).length;
        status.textContent = !moved.size ? "The study's own inputs." : `Answers follow your inputs, not the study's${still ? `, but for ${still} that ${still === 1 ? "says" : "say"} so` : ""}.`;
      }, 400);
    };
    const controls = connectControls(content.live.sliders, changed);
    report.controls = controls;
    reset.addEventListener("click", () => controls.apply(new Map()));
    addEventListener("hashchange", () => { if (location.hash.includes("=")) controls.apply(readAddress()); });
    const asked = readAddress();
    if (asked.size) controls.apply(asked);
    document.getElementById("verify").addEventListener("click", () => {
      const { worst, compared, where } = verify(live);
      document.getElementById("verified").textContent = compared === 0 ? "The study recorded no answers to compare with."
        : worst <= 1e-9 ? `${compared} answers recomputed here agree with Isoflop's: largest relative difference ${formatNumber(worst, "power")}.`
        : `Recomputed answers differ from Isoflop's by up to ${formatNumber(worst, "percent")}, in ${where}.`;
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const element = button.closest("[data-card]").querySelector("[data-value]");
      const copied = await copyText(element.dataset.value);
      button.textContent = copied ? "Copied" : element.dataset.value;
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  for (const button of document.querySelectorAll("[data-table]")) {
    button.addEventListener("click", () => {
      const lines = [...document.querySelectorAll(`#${button.dataset.table} tr`)].map((row) => [...row.cells].map((cell) => {
        const value = cell.querySelector("[data-value]");
        return value ? value.dataset.value : csvCell(cell.textContent);
      }).join(","));
      download(`${button.dataset.table}.csv`, "text/csv", `${lines.join("\n")}\n`);
    });
  }
  report.ready = true;
  report.opened = performance.now();
  window.isoflop = report;
  document.documentElement.dataset.ready = "true";
}

function readBack(number) {
  const { interval } = number;
  return { ...number, value: numberOf(number.value), interval: interval && { ...interval, low: numberOf(interval.low), high: numberOf(interval.high) } };
}

function showNumber(element, number) {
  const shown = element.querySelector("[data-value]") ?? element;
  shown.textContent = formatWithUnit(number.value, number.notation, number.unit);
  shown.dataset.value = String(number.value);
  const interval = element.querySelector("[data-interval]");
  if (interval && number.interval) interval.textContent = interval.dataset.interval === "brackets" ? ` (${intervalWords(number)})` : intervalWords(number);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

class FigureView {
  constructor(figure, element) {
    this.figure = figure;
    this.title = figure.title;
    this.element = element;
    this.box = element.querySelector(".chart");
    this.tables = tablesOf(figure);
    this.rest = figure.frames.map((frame) => frame.columns.map((column) => this.tables[frame.name].columns[column.name].values));
    this.chart = null;
    this.state = "layout";
    this.near = false;
  }

  inSight() {
    const { top, bottom } = this.element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  stale(state) {
    if (this.state !== "layout") this.state = state;
    if (this.near) this.draw();
  }

  // Takes columns from the programs again: at once where it is near, later where it is not. Columns
  // that no moved slider reaches are the study's.
  renew(live, names, moved) {
    const reached = (by) => this.figure.frames.some((frame) => frame.columns.some((column) => column.live.some((source) => live.depends(source, by))));
    if (!reached(names)) return;
    const changed = reached(moved);
    this.entitle(changed ? this.figure.moved_title || this.title : this.title);
    this.pending = () => this.figure.frames.forEach((frame, f) => {
      const table = this.tables[frame.name];
      frame.columns.forEach((column, c) => {
        if (column.live.length) table.columns[column.name].values = changed ? columnOf(live, column) : this.rest[f][c];
      });
      table.rows = frame.columns.length ? table.columns[frame.columns[0].name].values.length : 0;
    });
    if (this.state !== "layout") this.state = "data";
  }

  // In the heading, for those who do not see the figure, and in files.
  entitle(title) {
    const label = this.box.getAttribute("aria-label");
    if (label.startsWith(this.figure.title)) this.box.setAttribute("aria-label", title + label.slice(this.figure.title.length));
    this.element.querySelector("h3").textContent = title;
    this.figure.title = title;
  }

  update() {
    this.pending?.();
    this.pending = null;
  }

  draw() {
    if (this.state === "drawn") return;
    this.update();
    // A sheet of A4 or Letter is narrower than most screens.
    const width = Math.min(Math.floor(this.box.clientWidth), matchMedia("print").matches ? 670 : Infinity);
    if (width === 0) return;
    const { option, height } = layOut(this.figure, this.tables, { width, theme: this.theme(), framed: false });
    option.tooltip.formatter = (item) => this.tip(item);
    this.box.style.height = `${height}px`;
    this.box.style.minHeight = "0";
    if (this.chart) this.chart.resize({ width, height });
    else this.chart = echarts.init(this.box, null, { renderer: "svg", width, height });
    this.chart.setOption(option, { notMerge: true });
    this.marks = marksOf(option);
    this.state = "drawn";
    this.element.querySelector("details")?.dispatchEvent(new Event("renew"));
  }

  // The row behind a mark.
  tip(item) {
    const meta = this.chart.getOption().series[item.seriesIndex].isoflop;
    if (!meta) return "";
    const data = item.data?.value ?? item.data, row = data[data.length - 1];
    const frame = this.figure.frames.find((frame) => frame.name === meta.mark.frame);
    const lines = frame.columns.map((column) => {
      const value = this.tables[frame.name].columns[column.name].values[row];
      return typeof value === "number" ? `${escaped(column.name)} <b>${escaped(formatWithUnit(value, "plain", column.unit))}</b>` : `<b>${escaped(value)}</b>`;
    });
    return lines.slice(0, 10).join("<br>");
  }

  connect() {
    const { figure } = this, name = figure.name;
    const svg = () => { this.update(); return drawSvg(figure, this.tables, { width: 760, theme: "light", framed: true }); };
    const actions = { csv: () => download(`${name}.csv`, "text/csv", (this.update(), csvOf(figure, this.tables))),
      json: () => download(`${name}.json`, "application/json", (this.update(), jsonOf(figure, this.tables))),
      svg: () => download(`${name}.svg`, "image/svg+xml", svg()),
      png: async () => download(`${name}.png`, "image/png", await pngOf(svg())) };
    for (const button of this.element.querySelectorAll("[data-file]")) button.addEventListener("click", actions[button.dataset.file]);
    const details = this.element.querySelector("details"), place = details.querySelector(".data");
    const fill = () => { if (details.open) { this.update(); place.replaceChildren(dataTable(figure, this.tables)); } };
    details.addEventListener("toggle", fill);
    details.addEventListener("renew", fill);
  }
}

// How many rows each mark draws: a mark may be several series.
function marksOf(option) {
  const rows = new Map();
  for (const { isoflop, data } of option.series) {
    if (!isoflop) continue;
    const drawn = rows.get(isoflop.mark) ?? rows.set(isoflop.mark, new Set()).get(isoflop.mark);
    for (const item of data) drawn.add((item.value ?? item).at(-1));
  }
  return [...rows].map(([mark, drawn]) => ({ kind: mark.kind, count: drawn.size }));
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

start().catch((problem) => {
  const notice = document.getElementById("problem");
  notice.hidden = false;
  notice.textContent = `The figures could not be drawn: ${problem.message}. A browser from 2023 or later is needed; text, numbers and tables are complete without them.`;
  console.error(problem);
});
