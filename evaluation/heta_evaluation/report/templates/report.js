"use strict";
(() => {
  const cards = [...document.querySelectorAll(".card")];
  const list = document.querySelector(".cards");
  const form = document.querySelector(".filters");
  const find = document.getElementById("find");
  const least = document.getElementById("least");
  const leastValue = document.getElementById("least-value");
  const order = document.getElementById("order");
  const answered = document.getElementById("only-answered");
  const disagreement = (card) => (card.dataset.disagreement === "" ? -1 : Number(card.dataset.disagreement));

  // A row's heat, shown in the running text.
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".names button");
    if (!button) return;
    const card = button.closest(".card");
    for (const other of card.querySelectorAll(".names button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    card.querySelectorAll(".w").forEach((word, place) => {
      word.className = `w ${button.dataset.kind} l${button.dataset.levels[place]}`;
    });
  });

  // Up and down move between the rows of an item.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const button = step && event.target.closest && event.target.closest(".names button");
    if (!button) return;
    const rows = [...button.parentElement.children];
    const next = rows[rows.indexOf(button) + step];
    if (next) next.focus();
    event.preventDefault();
  });

  function apply() {
    const words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    leastValue.textContent = `${least.value} %`;
    for (const card of cards) {
      const fits =
        words.every((word) => card.dataset.search.includes(word)) &&
        (least.value === "0" || disagreement(card) * 100 >= Number(least.value)) &&
        (!answered.checked || card.dataset.answered === "1");
      card.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    document.getElementById("shown").textContent = `${shown} of ${cards.length} items`;
    document.getElementById("none").hidden = shown > 0;
  }

  function sort() {
    const by = {
      given: (a, b) => a.dataset.place - b.dataset.place,
      most: (a, b) => disagreement(b) - disagreement(a) || a.dataset.place - b.dataset.place,
      least: (a, b) => disagreement(a) - disagreement(b) || a.dataset.place - b.dataset.place,
    }[order.value];
    list.append(...[...cards].sort(by));
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const control of [find, least, answered]) control.addEventListener("input", apply);
  order.addEventListener("change", sort);
  apply();
})();
