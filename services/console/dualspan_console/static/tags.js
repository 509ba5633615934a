import { brief, clock, follow, severity } from "./samples.js";

const table = document.getElementById("tags");
const rows = new Map();
for (const row of table?.querySelectorAll("tr[data-tag]") ?? []) {
  rows.set(Number(row.dataset.tag), {
    value: row.querySelector(".value"),
    when: row.querySelector(".when"),
  });
}

function receive(blocks) {
  for (const { tag, time, status, value } of blocks) {
    tag.forEach((id, index) => {
      const row = rows.get(id);
      if (!row) return;
      const quality = severity(status[index]);
      const text = brief(value[index]);
      if (row.value.textContent !== text) {
        row.value.textContent = text;
        row.value.classList.remove("changed");
        requestAnimationFrame(() => row.value.classList.add("changed"));
      }
      row.value.dataset.quality = quality;
      row.value.title = quality === "good" ? "" : table.dataset[quality];
      row.when.textContent = clock(time[index]);
    });
  }
}

if (rows.size > 0) {
  follow([...rows.keys()], { newest: true, badge: document.getElementById("live"), receive });
}
