// What sliders change: programs over the draws, summarised. The same as src/live/answers.rs.

const SWEPT_DRAWS = 1000;

class LiveModel {
  // `live` as in the document; `functions` are its programs, in its order.
  constructor(live, functions) {
    this.live = live;
    this.programs = new Map(live.programs.map((program, number) => [program.name, { ...program, run: functions[number] }]));
    this.draws = new Map(live.draws.map(({ name, values }) => [name, Float64Array.from(values, numberOf)]));
    this.rows = live.draws.length ? this.draws.get(live.draws[0].name).length : 1;
    this.filled = new Map();
    this.moved = new Map();
    this.known = new Map();
  }

  // Moves sliders: a map from names to values. Those it leaves out are at rest.
  set(moved) {
    const changed = new Set([...moved.keys(), ...this.moved.keys()].filter((name) => moved.get(name) !== this.moved.get(name)));
    this.moved = new Map(moved);
    for (const name of changed) this.filled.delete(name);
    for (const [name, program] of this.programs) {
      if ([...program.inputs, ...program.parameters].some((input) => changed.has(input))) this.known.delete(name);
    }
  }

  // Programs that a moved slider reaches.
  depends(source, names) {
    const program = this.programs.get(source.program);
    return [...program.inputs, ...program.parameters].some((input) => names.has(input));
  }

  number(name) {
    if (this.moved.has(name)) return this.moved.get(name);
    const slider = this.live.sliders.find((slider) => slider.name === name);
    if (slider) return slider.value;
    const constant = (this.live.constants ?? []).find(([known]) => known === name);
    return constant ? constant[1] : NaN;
  }

  column(name) {
    if (this.draws.has(name) && !this.moved.has(name)) return this.draws.get(name);
    if (!this.filled.has(name)) this.filled.set(name, new Float64Array(this.rows).fill(this.number(name)));
    return this.filled.get(name);
  }

  // Output columns of a program: one object, or one for each value of its sweep.
  run(program) {
    if (this.known.has(program.name)) return this.known.get(program.name);
    const input = Object.create(null), rows = program.sweep ? Math.min(this.rows, SWEPT_DRAWS) : this.rows;
    for (const name of program.inputs) if (name !== program.sweep?.name) input[name] = this.column(name).subarray(0, rows);
    for (const name of program.parameters) input[name] = this.number(name);
    const swept = program.sweep ? program.sweep.values : [null];
    const outputs = swept.map((value) => {
      if (program.sweep) {
        input[program.sweep.name] = program.inputs.includes(program.sweep.name) ? new Float64Array(rows).fill(value) : value;
      }
      return { columns: program.run(input, rows), sorted: new Map() };
    });
    this.known.set(program.name, outputs);
    return outputs;
  }

  // The numbers of a source.
  values(source) {
    const program = this.programs.get(source.program);
    const names = source.outputs.flatMap((output) => program.outputs.find(([name]) => name === output)?.[1] ?? []);
    const outputs = this.run(program);
    if (source.summary === "draws") return Array.from(outputs[0].columns[names[0]]);
    return outputs.flatMap((output) => names.map((name) => summarise(output, name, source.summary)));
  }
}

function summarise(output, name, summary) {
  const column = output.columns[name];
  if (summary === "first") return column[0];
  if (summary === "mean") {
    let sum = 0;
    for (const value of column) sum += value;
    return sum / column.length;
  }
  if (!output.sorted.has(name)) {
    const broken = column.some(Number.isNaN);
    output.sorted.set(name, broken || column.length === 0 ? null : Float64Array.from(column).sort());
  }
  const sorted = output.sorted.get(name);
  if (sorted === null) return NaN;
  const place = summary.quantile * (sorted.length - 1), low = Math.floor(place), share = place - low;
  if (share === 0 || sorted[low] === sorted[low + 1]) return sorted[low];
  return sorted[low] + share * (sorted[low + 1] - sorted[low]);
}

// A number with its interval, computed anew.
function renewed(model, number) {
  const value = model.values(number.live)[0];
  const interval = number.interval && { level: number.interval.level,
    low: model.values({ ...number.live, summary: { quantile: (1 - number.interval.level) / 2 } })[0],
    high: model.values({ ...number.live, summary: { quantile: (1 + number.interval.level) / 2 } })[0] };
  return { ...number, value, interval };
}

function wordsOf(choice, value) {
  const chosen = choice.below.find(([limit]) => value < limit);
  return chosen ? chosen[1] : choice.otherwise;
}

function intervalWords(number) {
  const { level, low, high } = number.interval;
  return `${formatNumber(level, "percent")} interval ${formatNumber(low, number.notation)} to ${formatNumber(high, number.notation)}`;
}

// Largest relative difference from what Rust computed, and where.
function verify(model) {
  const before = new Map(model.moved);
  let worst = 0, compared = 0, where = "";
  for (const { setting, answers } of model.live.checks ?? []) {
    model.set(new Map(setting));
    for (const [source, told] of answers) {
      const theirs = numberOf(told), ours = model.values(source)[0];
      const same = Object.is(ours, theirs) || ours === theirs;
      const off = same ? 0 : Math.abs(ours - theirs) / Math.max(Math.abs(theirs), 1e-300);
      compared += 1;
      if (!(off <= worst)) [worst, where] = [Number.isNaN(off) ? Infinity : off, `${source.program} ${source.outputs.join(", ")}`];
    }
  }
  model.set(before);
  return { worst, compared, where };
}
