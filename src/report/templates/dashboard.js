"use strict";
{
  const form = document.getElementById("filters");
  const table = document.getElementById("campaigns");
  if (form && table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const field = name => document.getElementById(`f-${name}`);
    const shown = document.getElementById("shown");
    const words = value => (value < 0 ? "−" : "") + Math.round(Math.abs(value)).toLocaleString("en-US");

    const matches = row => {
      const { name, kind, channel, live, day } = row.dataset;
      const from = field("from").value, to = field("to").value;
      return name.includes(field("name").value.trim().toLowerCase())
        && (!field("kind").value || kind === field("kind").value)
        && (!field("channel").value || channel === field("channel").value)
        && (!field("live").value || live === field("live").value)
        && (!from || day >= from) && (!to || (day && day <= to));
    };
    const update = () => {
      let number = 0, counted = 0, profit = 0, variance = 0;
      for (const row of rows) {
        row.hidden = !matches(row);
        if (row.hidden) continue;
        number += 1;
        if (row.dataset.profit === undefined || row.dataset.live !== "1") continue;
        counted += 1;
        profit += Number(row.dataset.profit);
        variance += Number(row.dataset.error) ** 2;
      }
      const half = 1.959964 * Math.sqrt(variance);
      const sum = counted
        ? ` Together the ${counted} that went out earned ${words(profit)} (${words(profit - half)} to ${words(profit + half)}).`
        : " None of them went out and was measured.";
      shown.textContent = `${number} of ${rows.length} shown.${sum}`;
    };
    const sortBy = (place, heading) => {
      const isUp = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      const key = row => row.cells[place].dataset.sort ?? row.cells[place].textContent;
      const isNumber = rows.every(row => key(row) === "" || !Number.isNaN(Number(key(row))));
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const ahead = isNumber ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0;
        return isUp ? ahead : -ahead;
      };
      rows.sort(order).forEach(row => body.append(row));
    };
    Array.from(table.tHead.rows[0].cells).forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => sortBy(place, heading));
    });
    form.addEventListener("input", update);
    form.addEventListener("submit", event => event.preventDefault());
    form.hidden = false;
    update();
  }
}
