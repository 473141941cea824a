// What sliders change: programs over the draws, summarised. The same as src/live/answers.rs.

const SWEPT_DRAWS = 1000, PATH_DRAWS = 2000;

class LiveModel {
  // `live` as in the document; `functions` are its programs, in its order.
  constructor(live, functions) {
    this.live = live;
    this.programs = new Map(live.programs.map((program, number) => [program.name, { ...program, run: functions[number] }]));
    this.draws = new Map(live.draws.map(({ name, values }) => [name, Float64Array.from(values, numberOf)]));
    this.sliders = new Map(live.sliders.map((slider) => [slider.name, slider]));
    this.constants = new Map(live.constants ?? []);
    this.derived = new Map(live.derived ?? []);
    this.rows = live.draws.length ? this.draws.get(live.draws[0].name).length : 1;
    this.filled = new Map();
    this.moved = new Map();
    this.known = new Map();
    for (const program of this.programs.values()) program.needs = this.needsOf(program);
  }

  // Every name that a program's numbers come from, through others too.
  needsOf(program) {
    const own = [...program.inputs, ...program.parameters];
    return new Set(own.flatMap((name) => (this.derived.has(name) ? [...this.needsOf(this.programs.get(this.derived.get(name).program))] : [name])));
  }

  // Moves sliders: a map from names to values. Those it leaves out are at rest.
  set(moved) {
    const changed = new Set([...moved.keys(), ...this.moved.keys()].filter((name) => moved.get(name) !== this.moved.get(name)));
    this.moved = new Map(moved);
    for (const name of changed) this.filled.delete(name);
    for (const [name, source] of this.derived) if (this.depends(source, changed)) this.filled.delete(name);
    for (const [name, program] of this.programs) if (reaches(program.needs, changed)) this.known.delete(name);
  }

  // Whether one of these names, a set or a map, changes a source.
  depends(source, names) {
    return reaches(this.programs.get(source.program).needs, names);
  }

  number(name) {
    if (this.moved.has(name)) return this.moved.get(name);
    if (this.sliders.has(name)) return this.sliders.get(name).value;
    if (this.constants.has(name)) return this.constants.get(name);
    return this.derived.has(name) ? this.values(this.derived.get(name))[0] ?? NaN : NaN;
  }

  column(name) {
    if (this.draws.has(name) && !this.moved.has(name)) return this.draws.get(name);
    if (!this.filled.has(name)) {
      const source = this.derived.get(name);
      this.filled.set(name, source?.summary === "draws" ? Float64Array.from(this.values(source)) : new Float64Array(this.rows).fill(this.number(name)));
    }
    return this.filled.get(name);
  }

  // The rows of an input that swings, or that is held while others do.
  swung({ swung, held }, name, rows) {
    const place = swung.findIndex((swing) => swing.name === name);
    const middle = this.moved.get(name) ?? swung[place]?.middle ?? held.find(([known]) => known === name)?.[1] ?? this.number(name);
    const column = new Float64Array(rows).fill(middle);
    if (place >= 0) [column[1 + 2 * place], column[2 + 2 * place]] = [swung[place].low, swung[place].high];
    return column;
  }

  // Output columns of a program: one object, or one for each value of its sweep.
  run(program) {
    if (this.known.has(program.name)) return this.known.get(program.name);
    const { sweep, swings } = program, input = Object.create(null);
    const rows = swings ? 1 + 2 * swings.swung.length : sweep ? Math.min(this.rows, SWEPT_DRAWS) : this.rows;
    for (const name of program.inputs) {
      if (name !== sweep?.name) input[name] = swings ? this.swung(swings, name, rows) : this.column(name).subarray(0, rows);
    }
    for (const name of program.parameters) input[name] = this.number(name);
    const outputs = (sweep ? sweep.values : [null]).map((value) => {
      if (sweep) input[sweep.name] = program.inputs.includes(sweep.name) ? new Float64Array(rows).fill(value) : value;
      return { columns: program.run(input, rows), sorted: new Map() };
    });
    this.known.set(program.name, outputs);
    return outputs;
  }

  // The numbers of a source.
  values(source) {
    const program = this.programs.get(source.program);
    const columns = source.outputs.map((output) => program.outputs.find(([name]) => name === output)?.[1] ?? []);
    return this.run(program).flatMap((output) => columns.flatMap((names) =>
      names.flatMap((name) => summarise(output, name, names.length > 1 ? PATH_DRAWS : Infinity, source.summary, program))));
  }
}

function reaches(needs, names) {
  for (const name of names.keys()) if (needs.has(name)) return true;
  return false;
}

// A number, or a list of them.
function summarise(output, name, rows, summary, { swings }) {
  const column = output.columns[name];
  if (summary === "first") return column[0];
  if (summary === "draws") return Array.from(column);
  if (summary === "mean") {
    let sum = 0;
    for (const value of column) sum += value;
    return sum / column.length;
  }
  if (summary.swing) {
    const first = { middle: 0, low: 1, high: 2 }[summary.swing], step = first ? 2 : 0;
    return swings.swung.map((_, input) => column[first + step * input]);
  }
  const sorted = sortedOf(output, name, rows);
  if (summary.reach) return reachOf(sorted, summary.reach);
  if (summary.by_reach) {
    return reachOf(sorted, summary.by_reach).map((date) => (Number.isNaN(date) ? NaN : countUpTo(sorted, date + SAME_DATE) / sorted.length));
  }
  return quantileOf(sorted, summary.quantile);
}

// The first draws in rising order; null where one is NaN.
function sortedOf(output, name, rows) {
  if (!output.sorted.has(name)) {
    const sorted = output.columns[name].slice(0, rows).sort();
    // NaN sorts to the end.
    output.sorted.set(name, sorted.length === 0 || Number.isNaN(sorted.at(-1)) ? null : sorted);
  }
  return output.sorted.get(name);
}

function quantileOf(sorted, level) {
  if (sorted === null) return NaN;
  const place = level * (sorted.length - 1), low = Math.floor(place), share = place - low;
  if (share === 0 || sorted[low] === sorted[low + 1]) return sorted[low];
  return sorted[low] + share * (sorted[low + 1] - sorted[low]);
}

// In years.
const SAME_DATE = 1e-9, CENTURY = 100;

// The dates between which most draws lie, evenly spaced.
function reachOf(sorted, steps) {
  const come = sorted === null ? 0 : countUpTo(sorted, Number.MAX_VALUE), dates = come ? sorted.subarray(0, come) : null;
  const first = Math.floor(quantileOf(dates, 0.01)), last = Math.ceil(quantileOf(dates, 0.99));
  const end = Math.min(Math.max(last, first + 1), first + CENTURY), known = Number.isFinite(first) && Number.isFinite(end);
  return Array.from({ length: steps + 1 }, (_, step) => (known ? first + ((end - first) * step) / steps : NaN));
}

// How many of a rising list are at or below a limit.
function countUpTo(sorted, limit) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

// A column of a figure: numbers, or words that are numbers written out.
function columnOf(model, { live, written }) {
  const values = live.flatMap((source) => model.values(source));
  return written ? values.map((value) => formatWithUnit(value, written.notation, written.unit)) : values;
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

// Below this a difference is one of rounding, as of a loss above the best at the best.
const ROUNDING = 1e-4;

// Largest relative difference from what Rust computed, and where.
function verify(model) {
  const before = new Map(model.moved);
  let worst = 0, compared = 0, where = "";
  for (const { sources, at } of model.live.checks ?? []) {
    for (const { setting, answers } of at) {
      model.set(new Map(setting));
      sources.forEach(([source, places], number) => {
        const values = model.values(source);
        places.forEach((place, told) => {
          const theirs = numberOf(answers[number][told]), ours = values[place];
          const same = Object.is(ours, theirs) || ours === theirs;
          const off = same ? 0 : Math.abs(ours - theirs) / Math.max(Math.abs(theirs), ROUNDING);
          compared += 1;
          if (!(off <= worst)) [worst, where] = [Number.isNaN(off) ? Infinity : off, `${source.program} ${source.outputs.join(", ")}`];
        });
      });
    }
  }
  model.set(before);
  return { worst, compared, where };
}
