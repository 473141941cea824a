// A reader's browser and screens, what every page must hold there, and the count of what does not.
//
// CHROMIUM names the browser, by default /usr/bin/chromium.

import fs from "node:fs";
import process from "node:process";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const SCREENS = [
  { name: "desktop", viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  { name: "phone", viewport: { width: 390, height: 844 }, colorScheme: "dark", deviceScaleFactor: 2, hasTouch: true, isMobile: true },
];

let failures = 0;
export function expect(holds, claim, seen = "") {
  if (!holds) failures += 1;
  console.log(`  ${holds ? "ok  " : "FAIL"} ${claim}${seen === "" ? "" : `: ${seen}`}`);
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

export async function checkAccess(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  expect(serious.length === 0, "axe-core finds no serious fault", serious.map((fault) => `${fault.id} (${fault.nodes.length}): ${fault.nodes[0].html.slice(0, 120)} ${fault.nodes[0].failureSummary?.split("\n")[1] ?? ""}`).join("; ") || `${violations.length} minor`);
}

// Exits with 1 if a check failed.
export async function end(browser) {
  await browser.close();
  console.log(failures === 0 ? "all checks hold" : `${failures} checks fail`);
  process.exit(failures === 0 ? 0 : 1);
}
