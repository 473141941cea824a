// The pictures of the README: pages of studies as a reader sees them.
//
//   npm ci && node shots.mjs FOLDER NAME=REPORT.html[#FIGURE][@phone]...
//
// CHROMIUM names the browser, by default /usr/bin/chromium.

import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

const SCREENS = {
  desktop: { viewport: { width: 1120, height: 720 }, colorScheme: "light" },
  phone: { viewport: { width: 390, height: 780 }, colorScheme: "light", hasTouch: true, isMobile: true },
};

const [folder, ...wanted] = process.argv.slice(2);
if (!folder || wanted.length === 0) {
  console.error("usage: node shots.mjs FOLDER NAME=REPORT.html[#FIGURE][@phone]...");
  process.exit(2);
}
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const one of wanted) {
  const [, name, file, figure, screen] = /^([^=]+)=([^#@]+)(?:#([^@]+))?(?:@(\w+))?$/.exec(one);
  const page = await browser.newPage(SCREENS[screen ?? "desktop"]);
  await page.goto(pathToFileURL(path.resolve(file)).href);
  await page.waitForLoadState("load");
  if (figure) {
    // Figures on the way are drawn when they come into view, and move what is below.
    for (let time = 0; time < 6; time++) {
      await page.locator(`[id="${figure}"]`).evaluate((element) => window.scrollTo(0, element.getBoundingClientRect().top + window.scrollY - 16));
      await page.waitForTimeout(200);
    }
  }
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  await page.close();
}
await browser.close();
