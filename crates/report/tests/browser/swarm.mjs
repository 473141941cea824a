// Opens the page of a running swarm (`isoflop lab swarm start --page`) in headless Chromium.
//
//   npm ci && node swarm.mjs [--shots FOLDER] ISOFLOP|http://HOST:PORT/
//
// The program ISOFLOP is started as a small swarm of two peers for the check; an address is that of
// one that runs already, with peers. CHROMIUM names the browser. Exits with 1 if a check fails.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

import { SCREENS, checkAccess, end, expect, launch } from "./reader.mjs";

// Ends by itself after five minutes, if this script dies.
const SWARM = `name = "two desks"
depth = 1
tokens = 600e3
[recipe]
context = 32
batch_tokens = 128
validation_tokens = 512
[method]
inner_steps = 4
share = "even"
[[peer]]
name = "peer"
count = 2
speed = 1000
up = 1e8
down = 1e8
`;
// Peers' names are the words of strangers.
const NAMES = ["desk", `<img src=x onerror="window.pwned=1">`];

const args = process.argv.slice(2);
const shots = args[0] === "--shots" ? args.splice(0, 2)[1] : null;
if (args.length !== 1) {
  console.error("usage: node swarm.mjs [--shots FOLDER] ISOFLOP|http://HOST:PORT/");
  process.exit(2);
}
if (shots) fs.mkdirSync(shots, { recursive: true });

// What the process says until `pattern` is in it.
function said(child, pattern) {
  return new Promise((resolve, reject) => {
    let words = "";
    setTimeout(() => reject(new Error(`no ${pattern} in: ${words}`)), 60_000).unref();
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the swarm ended: ${words}`)));
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => {
      words += data;
      const found = pattern.exec(words);
      if (found) resolve(found[1]);
    });
  });
}

async function startSwarm(isoflop) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "isoflop-page-"));
  fs.writeFileSync(path.join(folder, "swarm.toml"), SWARM);
  fs.writeFileSync(path.join(folder, "book.txt"), Array.from({ length: 25_000 }, (_, i) => `${i} squared ends in ${i * i % 997}\n`).join(""));
  const children = [];
  const start = (...words) => {
    const child = spawn(path.resolve(isoflop), ["lab", "swarm", ...words, "--corpus", "book.txt", "--cache", "cache", "--cores", "1", "--no-progress"], { cwd: folder });
    children.push(child);
    return child;
  };
  const stop = () => {
    for (const child of children) child.kill("SIGKILL");
    fs.rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", stop);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const coordinator = start("start", "swarm.toml", "--out", "run", "--page", "--quiet");
  const [url, join] = await Promise.all([said(coordinator, /page +(http:\S+)/), said(coordinator, /swarm join (\S+)\s/)]);
  for (const name of NAMES) start("join", join, "--speed", "1000", "--name", name);
  return url;
}

// The page says `words` somewhere in `id`; the check fails after ten seconds without.
async function says(page, id, pattern, claim) {
  const holds = await page.waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id).textContent), [id, pattern.source], { timeout: 10_000 }).then(() => true, () => false);
  expect(holds, claim, await page.locator(`#${id}`).textContent());
}

async function checkSwarm(browser, url, screen) {
  console.log(` ${screen.name}`);
  const context = await browser.newContext(screen);
  const page = await context.newPage();
  const seen = { errors: [], requests: [], dialogs: 0 };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) seen.errors.push(message.text()); });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => { if (![url, `${url}state`].includes(request.url()) && !request.url().startsWith("data:")) seen.requests.push(request.url()); });
  page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
  await page.goto(url);
  await says(page, "said", /^[1-9]\d* peers? takes? part/, "it says who takes part");
  await page.waitForFunction(() => document.querySelector("#curve polyline")?.points.length > 1, null, { timeout: 60_000 }).catch(() => {});
  const state = await (await fetch(`${url}state`)).json();
  const shown = await page.evaluate(() => ({
    name: document.getElementById("name").textContent, title: document.title, points: document.querySelector("#curve polyline")?.points.length ?? 0,
    peers: [...document.querySelectorAll("#peers tr")].map((row) => row.cells[1].textContent),
  }));
  expect(shown.name === state.name && shown.title.startsWith(`${state.name}, `), "the run's name is its heading and its title", shown.title);
  expect(shown.points > 1, "the loss is drawn as a line", `${shown.points} points`);
  expect(shown.peers.length > 0 && shown.peers.join() === state.peers.map(({ name }) => name).join(), "each peer has a row with its name", shown.peers.join(", "));
  await says(page, "loss", /^\d+\.\d{3}$/, "the loss is a number");
  const tokens = await page.locator("#rounds").textContent();
  const moves = await page.waitForFunction((before) => document.getElementById("rounds").textContent !== before, tokens, { timeout: 10_000 }).then(() => true, () => false);
  expect(moves, "it goes on by itself", `${tokens} and then ${await page.locator("#rounds").textContent()} averages`);
  expect(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
  const smallest = await page.evaluate(() => Math.min(...[...document.querySelectorAll("#curve text")].map((text) => text.getBoundingClientRect().height)));
  expect(smallest >= 11, "the figure's words can be read", `${smallest.toFixed(1)} px high`);
  const said = await page.evaluate(() => new Promise((resolve) => {
    let changes = 0;
    new MutationObserver((all) => { changes += all.length; }).observe(document.getElementById("said"), { childList: true, characterData: true, subtree: true });
    setTimeout(() => resolve(changes), 1500);
  }));
  expect(said === 0, "nothing is read aloud while nothing happens", `${said} changes`);
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement.querySelector(":scope > table") !== null), "the table that scrolls is reached by the keyboard");
  await checkAccess(page);
  if (shots) await page.screenshot({ path: path.join(shots, `swarm-${screen.name}.png`), fullPage: true });
  expect(seen.errors.length === 0, "no error or warning on the console", seen.errors.slice(0, 3).join(" | "));
  expect(seen.requests.length === 0, "no request to anywhere else", seen.requests.slice(0, 3).join(" "));
  expect(seen.dialogs === 0 && (await page.evaluate(() => window.pwned === undefined)), "no script of a stranger ran");
  // From here on the browser itself complains of requests that fail.
  await context.setOffline(true);
  await says(page, "said", /answers no more/, "it says when nothing is answered");
  expect((await page.locator("#rounds").textContent()) !== "–", "what was answered last stays");
  await checkAccess(page);
  await context.setOffline(false);
  await says(page, "said", /^[1-9]\d* peers? takes? part/, "and goes on when there are answers again");
  await context.close();
}

const url = /^https?:/.test(args[0]) ? args[0] : await startSwarm(args[0]);
console.log(url);
const browser = await launch();
for (const screen of SCREENS) await checkSwarm(browser, url, screen);
await end(browser);
