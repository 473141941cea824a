// The data behind a figure: a table for those who do not see it, and files.

const MOST_SHOWN = 200;

function frameRows(figure, tables) {
  return figure.frames.map((frame) => ({ frame, names: frame.columns.map((column) => column.name), table: tables[frame.name] }));
}

function heading(column, name) {
  return column.unit ? `${name} (${column.unit})` : name;
}

function dataTable(figure, tables) {
  const out = document.createElement("div");
  out.className = "scroll";
  out.tabIndex = 0;
  out.setAttribute("role", "region");
  out.setAttribute("aria-label", `Data of: ${figure.title}`);
  for (const { frame, names, table } of frameRows(figure, tables)) {
    const element = document.createElement("table");
    const caption = element.createCaption();
    const cut = table.rows > MOST_SHOWN ? `, the first ${MOST_SHOWN} of ${table.rows} rows` : "";
    const sampled = frame.sampled_from ? `, a sample of ${formatNumber(frame.sampled_from, "whole")} rows` : "";
    caption.textContent = frame.name + cut + sampled;
    const head = element.createTHead().insertRow();
    for (const name of names) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = heading(table.columns[name], name);
      head.append(cell);
    }
    const body = element.createTBody();
    for (let row = 0; row < Math.min(table.rows, MOST_SHOWN); row++) {
      const line = body.insertRow();
      for (const name of names) {
        const value = table.columns[name].values[row], cell = line.insertCell();
        cell.textContent = typeof value === "number" ? formatNumber(value, "plain") : value;
        if (typeof value === "number") cell.className = "figure-number";
      }
    }
    out.append(element);
  }
  return out;
}

// RFC 4180; a cell that a spreadsheet would take for a formula is quoted with a tab before it.
function csvCell(value) {
  if (typeof value === "number") return Number.isNaN(value) ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `\t${value}` : value;
  return /[",\n\r\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvOf(figure, tables) {
  return frameRows(figure, tables).map(({ frame, names, table }) => {
    const lines = [names.map((name) => csvCell(heading(table.columns[name], name))).join(",")];
    for (let row = 0; row < table.rows; row++) lines.push(names.map((name) => csvCell(table.columns[name].values[row])).join(","));
    return (figure.frames.length > 1 ? `# ${frame.name}\n` : "") + lines.join("\n") + "\n";
  }).join("\n");
}

function jsonOf(figure, tables) {
  const frames = Object.fromEntries(frameRows(figure, tables).map(({ frame, names, table }) => [frame.name,
    Object.fromEntries(names.map((name) => [name, { unit: table.columns[name].unit, values: table.columns[name].values.map(
      (value) => (typeof value !== "number" || Number.isFinite(value) ? value : Number.isNaN(value) ? null : String(value))) }]))]));
  return JSON.stringify({ name: figure.name, title: figure.title, source: figure.source, frames }, null, 1);
}

function download(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The picture as PNG, two pixels for one.
async function pngOf(svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width * 2, image.height * 2];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
