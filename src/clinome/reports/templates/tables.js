"use strict";
// Tables that can be sorted by a column and searched. Without this script the page says the same.
(() => {
  const number = (text) => {
    const plain = text.replace(/\u2212/g, "-").replace(/,/g, "").replace(/^[<>]\s*/, "");
    const power = plain.match(/^(-?[\d.]+)\u00d710([\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+)/);
    if (power) {
      const digits = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
      const exponent = [...power[2]].map((c) => (c === "\u207b" ? "-" : digits.indexOf(c))).join("");
      return Number(power[1]) * 10 ** Number(exponent);
    }
    const found = plain.match(/^[+-]?\d*\.?\d+/);
    return found ? Number(found[0]) : null;
  };
  const sort = (table, column, head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => ({ row, place, text: row.cells[column].textContent.trim() }));
    const numeric = rows.every((one) => number(one.text) !== null || /^(\u2013|)$/.test(one.text));
    const key = (one) => (numeric ? number(one.text) : one.text.toLowerCase());
    rows.sort((a, b) => {
      const x = key(a), y = key(b);
      if (x === null || y === null) return (x === null) - (y === null);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || a.place - b.place;
    });
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    for (const one of rows) body.append(one.row);
  };
  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0], heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
    const whole = body && [...body.rows].every((row) => row.cells.length === heads.length);
    if (!whole || body.rows.length < 2 || table.dataset.order === "fixed") continue;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, column, head));
      head.append(button);
    });
    const first = Number(table.dataset.first || 0), most = body.rows.length;
    if (most <= 12) continue;
    const label = document.createElement("label"), input = document.createElement("input");
    const count = document.createElement("output"), line = document.createElement("div"), all = document.createElement("button");
    let whole_table = !first || first >= most;
    const show = () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      [...body.rows].forEach((row, place) => {
        row.hidden = wanted ? !row.textContent.toLowerCase().includes(wanted) : !whole_table && place >= first;
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = shown === most ? `${most} rows` : `${shown} of ${most} rows`;
      all.hidden = Boolean(wanted) || whole_table;
    };
    input.type = "search";
    input.addEventListener("input", show);
    label.append("Search: ", input);
    all.type = "button";
    all.textContent = `show all ${most}`;
    all.addEventListener("click", () => { whole_table = true; show(); });
    line.className = "find";
    line.append(label, count, all);
    const box = table.closest(".scroll") || table;
    box.before(line);
    show();
    table.addEventListener("click", show);
  }
})();
