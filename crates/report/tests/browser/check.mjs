// Opens reports in headless Chromium and checks what a reader relies on.
//
//   npm ci && node check.mjs [--shots FOLDER] REPORT.html...
//
// CHROMIUM names the browser, by default /usr/bin/chromium. Exits with 1 if a check fails.

import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import zlib from "node:zlib";

import { SCREENS, checkAccess, end, expect, launch } from "./reader.mjs";

const LIMITS = { bytes: 2_000_000, open: 1000, slide: 50, relative: 1e-9 };

const args = process.argv.slice(2);
const shots = args[0] === "--shots" ? args.splice(0, 2)[1] : null;
if (args.length === 0) {
  console.error("usage: node check.mjs [--shots FOLDER] REPORT.html...");
  process.exit(2);
}
if (shots) fs.mkdirSync(shots, { recursive: true });

// What the file embeds, read without the page's own code.
function embedded(html) {
  const text = /<script type="text\/plain" id="data">([^<]*)</.exec(html)[1];
  return JSON.parse(zlib.gunzipSync(Buffer.from(text, "base64")));
}

// Times on a machine with other work come out longer: over the limit is told, over thrice it fails.
function expectWithin(took, limit, claim) {
  expect(took <= 3 * limit, `${claim}${took > limit ? ", but for other work beside it" : ""}`, `${took.toFixed(1)} ms`);
}

const finite = (value) => typeof value === "number";

// Marks that the document asks for, by figure: one for each row that has a place.
function expectedMarks(figure) {
  return figure.panels.flatMap((panel) => panel.marks.map((mark) => {
    const frame = figure.frames.find((frame) => frame.name === mark.frame);
    const column = (name) => { const values = frame.columns.find((column) => column.name === name).values; return values.words ?? values.numbers; };
    const rows = (frame.columns[0].values.words ?? frame.columns[0].values.numbers).length;
    const needed = { points: [mark.x, mark.y], line: [mark.x, mark.y], band: [mark.x, mark.low, mark.high], bars: [mark.x, mark.y],
      span: [mark.y, mark.low, mark.high], cells: [mark.x, mark.y, mark.colour], rule: [mark.x ?? mark.y], region: [] }[mark.kind];
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const places = needed.map((name) => [name, mark.kind === "span" && column(name)[row] === "Infinity" ? 1 : column(name)[row]]);
      const log = (name) => (name === mark.x && panel.x.scale === "log") || (name === mark.y && panel.y.scale === "log");
      if (places.every(([name, value]) => typeof value === "string" || (finite(value) && (!log(name) || value > 0)))) count += 1;
    }
    return { kind: mark.kind, count: mark.kind === "line" || mark.kind === "region" ? rows : count };
  }));
}

const sum = (marks, kinds) => marks.filter(({ kind }) => kinds.includes(kind)).reduce((total, { count }) => total + count, 0);

async function open(browser, file, screen, hash = "") {
  const context = await browser.newContext({ ...screen, acceptDownloads: true, offline: true });
  const page = await context.newPage();
  const seen = { errors: [], requests: [], dialogs: 0 };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) seen.errors.push(message.text()); });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => { if (!/^(data|blob):/.test(request.url()) && request.url().split("#")[0] !== pathToFileURL(file).href) seen.requests.push(request.url()); });
  page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
  await page.goto(pathToFileURL(file).href + hash);
  await page.waitForFunction(() => window.isoflop?.ready || !document.getElementById("problem").hidden);
  return { context, page, seen };
}

async function checkFigures(page, content) {
  const figures = content.sections.flatMap((section) => section.blocks).filter((block) => block.figure).map((block) => block.figure);
  for (const [number, figure] of figures.entries()) {
    await page.locator(`[id="${figure.name}"]`).scrollIntoViewIfNeeded();
    await page.waitForFunction((number) => window.isoflop.figures[number].state === "drawn", number);
    const drawn = await page.evaluate((number) => {
      const view = window.isoflop.figures[number];
      return { marks: view.marks, paths: view.box.querySelectorAll("svg path").length, over: view.box.scrollWidth - view.box.clientWidth };
    }, number);
    const wanted = expectedMarks(figure);
    const [want, got] = [wanted, drawn.marks].map((marks) => marks.map(({ kind, count }) => `${count} ${kind}`).join(", "));
    // Each solid mark is an element of its own, at least.
    const solid = sum(wanted, ["points", "bars", "span", "cells"]);
    if (got !== want || drawn.paths < solid) expect(false, `${figure.name} draws its marks`, `${got}; wanted ${want}; ${drawn.paths} paths for ${solid} solid marks`);
    else figure.count = sum(wanted, wanted.map(({ kind }) => kind).filter((kind, at, all) => all.indexOf(kind) === at));
  }
  expect(figures.every((figure) => figure.count > 0), `${figures.length} figures are drawn with their marks`, figures.reduce((total, figure) => total + (figure.count ?? 0), 0));
}

// Opens or closes the inputs, as a reader does who sees them folded.
async function fold(page, open) {
  const controls = page.locator(".controls details");
  if ((await controls.count()) && (await controls.evaluate((details) => details.open)) !== open) await page.locator(".controls summary").click();
}

// What the page shows at a setting against what Rust told of it: numbers, and the columns and titles
// of figures. Untouched, they are the study's own, which may rest on more draws than the page holds.
async function compareAt(page, sources, { setting, answers }) {
  const told = sources.map(([source, places], number) => ({ source, places, told: answers[number].map(String) }));
  return page.evaluate(({ told, content }) => {
    const { live, figures, numbers } = window.isoflop, moved = window.isoflop.controls.moved;
    const seen = { worst: 0, compared: 0, where: "", wrong: [] };
    const see = (text, expected, where) => {
      const off = Object.is(Number(text), Number(expected)) || Number(text) === Number(expected) ? 0 : Math.abs(Number(text) - Number(expected)) / Math.max(Math.abs(Number(expected)), 1e-4);
      seen.compared += 1;
      if (!(off <= seen.worst)) [seen.worst, seen.where] = [Number.isNaN(off) ? Infinity : off, `${where}: ${text}, not ${expected}`];
    };
    const written = (value) => (value === "null" ? "NaN" : value);
    const elements = [...document.querySelectorAll("[data-number]")];
    for (const figure of figures) figure.update();
    for (const { source, places, told: expected } of told) {
      const same = JSON.stringify(source), values = live.values(source);
      places.forEach((place, number) => see(String(values[place]), written(expected[number]), same));
      numbers.forEach((number, at) => {
        if (JSON.stringify(number.live) !== same) return;
        const resting = live.depends(source, moved) ? written(expected[0]) : String(number.value);
        for (const element of elements.filter((element) => element.dataset.number === String(at))) {
          see((element.querySelector("[data-value]") ?? element).dataset.value, resting, `the number ${number.label}`);
        }
      });
      for (const view of figures) {
        const reached = view.figure.frames.some((frame) => frame.columns.some((column) => column.live.some((source) => live.depends(source, moved))));
        for (const frame of view.figure.frames) for (const column of frame.columns) {
          let row = 0;
          for (const one of column.live) {
            const length = live.values(one).length;
            if (reached && JSON.stringify(one) === same) places.forEach((place, number) => {
              const shown = view.tables[frame.name].columns[column.name].values[row + place];
              if (!column.written) see(String(shown), written(expected[number]), `${view.figure.name} ${column.name}`);
              // Words hold three digits of the number.
              else if (column.written.notation === "percent" && !(Math.abs(parseFloat(shown) / 100 - Number(expected[number])) < 0.0051)) seen.wrong.push(`${view.figure.name} says ${shown} for ${expected[number]}`);
            });
            row += length;
          }
        }
        const title = view.element.querySelector("h3").textContent, wanted = (reached && view.figure.moved_title) || view.title;
        if (title !== wanted || !view.box.getAttribute("aria-label").startsWith(wanted)) seen.wrong.push(`${view.figure.name} is entitled ${title}`);
      }
    }
    for (const element of document.querySelectorAll("[data-still]")) {
      const would = element.dataset.still.split(" ").some((number) => moved.has(content.sliders[number].name));
      if (element.hidden === would) seen.wrong.push(`${element.textContent} ${would ? "is not said" : "is said without reason"}`);
    }
    return seen;
  }, { told, content: { sliders: LIVE.sliders } });
}

// What figures hold and how they are entitled.
const heldByFigures = (page) => page.evaluate(() => window.isoflop.figures.map((view) => (view.update(), JSON.stringify([view.element.querySelector("h3").textContent, view.tables]))));

let LIVE = null;

async function checkSliders(page, content) {
  const { live } = content;
  if (!live || live.sliders.length === 0) return;
  LIVE = live;
  await fold(page, true);
  const resting = await heldByFigures(page), changed = new Set();
  let worst = 0, compared = 0, where = "";
  const wrong = [];
  for (const { sources, at } of live.checks) for (const check of at) {
    const { setting } = check;
    for (const [name, value] of setting) {
      const field = page.locator(`#field-${live.sliders.findIndex((slider) => slider.name === name)}`);
      await field.fill(String(value));
      await field.press("Enter");
    }
    await page.waitForFunction((count) => window.isoflop.controls.moved.size === count && document.body.classList.contains("changed") === count > 0, setting.length);
    const seen = await compareAt(page, sources, check);
    if (!(seen.worst <= worst)) [worst, where] = [seen.worst, seen.where];
    compared += seen.compared;
    wrong.push(...seen.wrong);
    (await heldByFigures(page)).forEach((held, number) => { if (held !== resting[number]) changed.add(number); });
    await page.evaluate(() => window.isoflop.controls.apply(new Map()));
  }
  expect(compared > 0 && worst <= LIMITS.relative, `${compared} answers and rows of figures after moving inputs are Rust's`, `largest relative difference ${worst.toExponential(1)}${worst > LIMITS.relative ? ` in ${where}` : ""}`);
  const figures = content.sections.flatMap((section) => section.blocks).filter((block) => block.figure).map((block) => block.figure);
  const lives = figures.map((figure, number) => (figure.frames.some((frame) => frame.columns.some((column) => column.live.length)) ? number : -1)).filter((number) => number >= 0);
  expect(wrong.length === 0, "what moved says so, and what stands still says so", wrong.slice(0, 3).join("; "));
  expect(lives.every((number) => changed.has(number)) && changed.size === lives.length, "every live figure moves", lives.map((number) => figures[number].name).join(", ") || "none");
  await page.evaluate(() => window.isoflop.controls.apply(new Map([[window.isoflop.live.live.sliders[0].name, window.isoflop.live.live.sliders[0].from]])));
  await page.locator("#reset").click();
  const reset = await heldByFigures(page);
  expect(JSON.stringify(reset) === JSON.stringify(resting) && (await page.locator("[data-still]:visible").count()) === 0, "reset restores every figure");
  // A slider's move, with each figure in sight in turn.
  const took = await page.evaluate(async (limit) => {
    const times = [], stops = [document.body, ...window.isoflop.figures.filter((figure) => figure.figure.frames.some((frame) => frame.columns.some((column) => column.live.length))).map((figure) => figure.element)];
    for (const stop of stops) {
      stop.scrollIntoView({ block: "center", behavior: "instant" });
      await new Promise((resolve) => setTimeout(resolve, 150));
      for (const range of document.querySelectorAll("input[type=range]")) {
        const inPlace = [];
        // The quickest of up to seven is the page's own work; the rest is what else the machine did.
        for (let move = 0; move < 7 && !(Math.min(...inPlace) <= limit); move++) {
          range.value = 300 + 40 * move;
          range.dispatchEvent(new Event("input"));
          await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
          inPlace.push(window.isoflop.took);
        }
        times.push(Math.min(...inPlace));
      }
    }
    window.isoflop.controls.apply(new Map());
    return Math.max(...times);
  }, LIMITS.slide);
  expectWithin(took, LIMITS.slide, "a slider's move is answered within 50 ms");
}

async function checkKeyboard(page, content) {
  if (!content.live || content.live.sliders.length === 0) return;
  const slider = content.live.sliders[0];
  const before = await page.evaluate(() => window.isoflop.answers?.map((answer) => answer.value));
  await page.locator("#slider-0").focus();
  for (let step = 0; step < 5; step++) await page.keyboard.press("ArrowRight");
  await page.waitForFunction((name) => location.hash.includes(`${encodeURIComponent(name)}=`), slider.name);
  const after = await page.evaluate(() => window.isoflop.answers.map((answer) => answer.value));
  expect(JSON.stringify(before) !== JSON.stringify(after), "arrow keys move a slider, the answers and the address");
  await page.locator("#reset").focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash === "");
  const reset = await page.evaluate(() => [...document.querySelectorAll("[data-number] [data-value], [data-number][data-value]")].map((element) => element.dataset.value));
  expect(reset.length > 0 && (await page.evaluate(() => window.isoflop.controls.moved.size)) === 0, "reset restores the study");
}

async function checkDownloads(page, content) {
  const figure = content.sections.flatMap((section) => section.blocks).find((block) => block.figure)?.figure;
  if (!figure) return;
  const got = {};
  for (const file of ["csv", "json", "svg", "png"]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator(`[id="${figure.name}"] [data-file="${file}"]`).click()]);
    got[file] = fs.readFileSync(await download.path());
  }
  const lines = got.csv.toString().split("\n").filter((line) => line && !line.startsWith("# ")).length;
  const rows = figure.frames.reduce((total, { columns }) => total + 1 + (columns[0].values.words ?? columns[0].values.numbers).length, 0);
  expect(lines === rows && JSON.parse(got.json).frames && got.svg.toString().startsWith("<svg") && got.png.subarray(1, 4).toString() === "PNG", "data and picture of a figure are saved", `${lines} lines`);
}

async function checkReport(browser, file) {
  const html = fs.readFileSync(file, "utf8"), data = embedded(html), content = data.document, stem = path.basename(path.dirname(path.resolve(file)));
  console.log(`${file}: ${content.title}`);
  expect(html.length <= LIMITS.bytes, "the file is below 2 MB", `${(Buffer.byteLength(html) / 1e6).toFixed(2)} MB`);
  for (const screen of SCREENS) {
    console.log(` ${screen.name}`);
    let opened = Infinity;
    for (let time = 0; time < 3; time++) {
      const { context, page } = await open(browser, file, screen);
      opened = Math.min(opened, await page.evaluate(() => window.isoflop?.opened ?? Infinity));
      await context.close();
    }
    expectWithin(opened, LIMITS.open, "it opens within a second");
    const { context, page, seen } = await open(browser, file, screen);
    await page.evaluate((numbers) => { if (window.isoflop) window.isoflop.numbers = numbers; }, data.numbers);
    expect(await page.evaluate(() => document.getElementById("problem").hidden), "nothing is reported missing");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement.className === "skip"), "the first Tab reaches the link to the content");
    await checkFigures(page, content);
    expect(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
    await checkSliders(page, content);
    await checkKeyboard(page, content);
    await checkAccess(page);
    await fold(page, false);
    await checkDownloads(page, content);
    await fold(page, true);
    if (content.live?.sliders.length && content.live.checks.length) {
      await page.locator("#verify").click();
      const words = await page.locator("#verified").textContent();
      expect(words.includes("agree"), "the page checks its own arithmetic", words);
      const { sources, at } = content.live.checks[0], check = at[1], [[name, value]] = check.setting;
      const other = await open(browser, file, screen, `#${encodeURIComponent(name)}=${value}`);
      await other.page.evaluate((numbers) => { window.isoflop.numbers = numbers; }, data.numbers);
      const seen = await compareAt(other.page, sources, check);
      expect(seen.worst <= LIMITS.relative && seen.wrong.length === 0 && await other.page.evaluate(([name, value]) => window.isoflop.controls.moved.get(name) === value, [name, value]),
        "the address restores inputs, numbers and figures", seen.wrong[0] ?? seen.where);
      await other.context.close();
    }
    await fold(page, screen.name === "desktop");
    if (shots) {
      await page.evaluate(async () => { for (let y = 0; y < document.body.scrollHeight; y += 500) { window.scrollTo({ top: y, behavior: "instant" }); await new Promise((resolve) => setTimeout(resolve, 60)); } window.scrollTo({ top: 0, behavior: "instant" }); });
      await page.screenshot({ path: path.join(shots, `${stem}-${screen.name}.png`) });
      await page.screenshot({ path: path.join(shots, `${stem}-${screen.name}-whole.png`), fullPage: true });
    }
    if (screen.name === "desktop") {
      await page.emulateMedia({ media: "print" });
      const hidden = await page.evaluate(() => [...document.querySelectorAll(".controls, .files")].every((element) => getComputedStyle(element).display === "none"));
      const pdf = await page.pdf({ format: "A4" });
      expect(hidden && pdf.length > 10_000, "it prints without its controls", `${(pdf.length / 1e6).toFixed(2)} MB of PDF`);
      if (shots) fs.writeFileSync(path.join(shots, `${stem}.pdf`), pdf);
    }
    expect(seen.errors.length === 0, "no error or warning on the console", seen.errors.slice(0, 3).join(" | "));
    expect(seen.requests.length === 0, "no request to anywhere", seen.requests.slice(0, 3).join(" "));
    expect(seen.dialogs === 0 && (await page.evaluate(() => window.pwned === undefined)), "no script of a stranger ran");
    await context.close();
  }
}

const browser = await launch();
for (const file of args) await checkReport(browser, file);
await end(browser);
