// The model of thirty-years.toml in Squiggle: CPU seconds and the median ratio of the last year.
// Quantiles of the last year only; it has no quantiles of all years in one pass.
//   node thirty_years.mjs FOLDER SAMPLES       FOLDER has node_modules/@quri/squiggle-lang

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, samples] = process.argv.slice(2);
const entry = createRequire(folder + "/x.js").resolve("@quri/squiggle-lang");
const { run, SqProject } = await import(pathToFileURL(entry).href);
const code = `
p0 = 6 to 10
pg = 1.4 to 1.75
hw = 1.25 to 2
life = 3 to 7
pue = 1.1 to 1.4
util = 0.3 to 0.8
mfu = 0.25 to 0.5
d0 = 0.8 to 1.2
dg = 2 to 8
decay = 0.75 to 0.95
alg = 1.8 to 5
cap = 30 to 60
start = {
  fp: 1, fh: 1, fa: 1, power: p0, perf: 1, chips: p0 / pue, eff: 1, growth: dg,
  demand: d0 * p0 / pue * util, capex: 0, energy: 0,
}
step(s, year) = {
  fp = s.fp * 0.93
  fh = s.fh * 0.97
  fa = s.fa * 0.9
  power = s.power * (1 + (pg - 1) * fp)
  added = power * (pg - 1) * fp
  perf = s.perf * (1 + (hw - 1) * fh)
  growth = 1 + (s.growth - 1) * decay
  {
    fp: fp, fh: fh, fa: fa, power: power, perf: perf,
    chips: s.chips * (1 - 1 / life) + added / pue * perf,
    eff: s.eff * (1 + (alg - 1) * fa),
    growth: growth,
    demand: s.demand * growth,
    capex: s.capex + cap * added,
    energy: s.energy + power * pue,
  }
}
end = List.reduce(List.upTo(1, 30), start, step)
ratio = end.demand / (end.chips * util * mfu * end.eff)
[quantile(ratio, 0.05), quantile(ratio, 0.5), quantile(ratio, 0.95)]
`;
const begin = process.cpuUsage();
const answer = await run(code, {
  environment: { sampleCount: Number(samples), xyPointLength: 1000, seed: "7" },
});
const used = process.cpuUsage(begin);
const result = answer.result ?? answer.getResult?.();
if (!result || !result.ok) {
  console.error(String(result?.value ?? "no result"));
  process.exit(1);
}
const value = result.value.result ?? result.value;
console.log(JSON.stringify({ cpu_s: (used.user + used.system) / 1e6, median: JSON.parse(String(value))[1] }));
