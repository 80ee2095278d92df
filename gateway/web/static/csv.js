// What is shown, as a file for a spreadsheet (RFC 4180): every table of a page, one after the other.

/** One cell. A text that a spreadsheet would take for a formula is marked as text. */
function cell(text) {
  const told = text.trim().replace(/\s*\n\s*/g, "; "), safe = /^[=+\-@\t]/.test(told) && !/^-?[\d.,\s]+$/.test(told) ? `'${told}` : told;
  return /[",;\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The tables within an element, each under its name. */
export function csvOf(element) {
  return [...element.querySelectorAll("table")].map((table) => [
    cell(table.caption?.textContent ?? ""),
    ...[...table.rows].map((row) => [...row.cells].map((one) => cell(one.querySelector("time")?.dateTime ?? one.innerText)).join(",")),
  ].join("\r\n")).join("\r\n\r\n");
}

/** Lets a browser keep it; a byte order mark tells spreadsheets that it is UTF-8. */
export function keep(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\uFEFF", text], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
