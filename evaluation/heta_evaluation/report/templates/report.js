"use strict";
(async () => {
  const byId = (id) => document.getElementById(id);
  const SVG = document.querySelector("svg").namespaceURI;
  const LINE = 22, LEVELS = 7, LONGEST = 13;

  // ---- what the page holds -------------------------------------------------------------------------------------

  async function unpack(id) {
    const text = atob(byId(id).textContent.trim());
    byId(id).remove();
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")));
  }

  function fail(message) {
    byId("items-problem").hidden = false;
    byId("items-problem").textContent =
      `The items cannot be shown: ${message}. Everything else on this page is complete; the items’ figures are also in results.jsonl.`;
  }

  if (typeof DecompressionStream === "undefined") {
    fail("this browser cannot unpack compressed data (DecompressionStream); use one of 2023 or later");
    return;
  }
  let data, heat;
  try {
    data = await (await unpack("items-index")).json();
    heat = new Int8Array(await (await unpack("items-heat")).arrayBuffer());
  } catch (error) {
    fail(error.message || String(error));
    return;
  }
  const { subjects, raters, models, items } = data;
  let offset = 0;
  items.forEach((item, place) => {
    item.place = place;
    item.offset = offset;
    offset += item.n * (subjects.length + item.raters.length);
    item.known = item.answered.some((one) => one === 1);
  });

  // ---- one item ------------------------------------------------------------------------------------------------

  function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  function draw(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  const values = (item, row) => heat.subarray(item.offset + row * item.n, item.offset + (row + 1) * item.n);

  // One letter a word: 1 to 7 for weak to strong, a to g below zero, 0 for nothing.
  function level(value, most) {
    const step = Math.ceil((Math.abs(value) / most) * LEVELS - 1e-9);
    return value === 0 ? "0" : value > 0 ? String(step) : "abcdefg"[step - 1];
  }

  const fixed = (value) => value.toFixed(2).replace("-", "−");

  function rowsOf(item) {
    const marks = item.raters.map((_, place) => values(item, subjects.length + place));
    const rows = [];
    if (marks.length) {
      const votes = Array.from({ length: item.n }, (_, unit) => marks.reduce((sum, one) => sum + one[unit], 0));
      rows.push({ label: "all raters", kind: "gold", values: votes, most: marks.length, detail: `${marks.length} raters`,
        says: (value) => `marked by ${value} of ${marks.length}` });
    }
    item.raters.forEach((rater, place) => {
      const count = marks[place].reduce((sum, one) => sum + one, 0);
      rows.push({ label: raters[rater], kind: "rater", values: marks[place], most: 1, detail: `${count} word${count === 1 ? "" : "s"}`,
        says: (value) => `${raters[rater]}: ${value ? "marked" : "not marked"}` });
    });
    subjects.forEach((subject, place) => {
      const absent = item.absent.includes(place), f1 = item.f1[place];
      rows.push({ label: subject.label, kind: subject.kind, values: values(item, place), most: data.steps,
        detail: absent ? "no attribution" : f1 === null ? "no F1" : `F1 ${fixed(f1)}`,
        says: (value) => `${subject.label} ${fixed(value / data.steps)}` });
    });
    for (const row of rows) row.levels = Array.from(row.values, (value) => level(value, row.most));
    return rows;
  }

  function strongest(row, words) {
    const order = words.map((_, unit) => unit).filter((unit) => row.values[unit] > 0);
    order.sort((a, b) => row.values[b] - row.values[a] || a - b);
    return order.slice(0, 5).map((unit) => words[unit]).join(", ") || "nothing";
  }

  function running(item, first) {
    const words = [], spans = [];
    const text = el("div", { class: "text", dir: item.rtl ? "rtl" : "ltr", lang: item.lang });
    for (const [role, source, lengths] of item.parts) {
      const line = el("p", { class: role }, el("span", { class: "role" }, el("bdi", { lang: "en" }, role)));
      let at = 0;
      for (let piece = 0; piece < lengths.length; piece += 2) {
        line.append(source.slice(at, at + lengths[piece]));
        at += lengths[piece];
        const word = source.slice(at, at + lengths[piece + 1]);
        at += lengths[piece + 1];
        const span = el("span", { class: `w ${first.kind} l${first.levels[words.length]}` }, word);
        words.push([word, role]);
        spans.push(span);
        line.append(span);
      }
      line.append(source.slice(at));
      text.append(line);
    }
    return { text, words, spans };
  }

  const short = (word) => ([...word].length <= LONGEST ? word : [...word].slice(0, LONGEST - 1).join("") + "…");

  // Heat of all rows. Up to 60 words have their words above; more are narrow columns that are read by pointing.
  function strips(item, rows, words) {
    const named = item.n <= 60;
    const cell = item.n <= 42 ? 20 : named ? 15 : Math.max(5, Math.min(10, Math.floor(900 / item.n)));
    const gap = cell > 8 ? 2 : cell > 5 ? 1 : 0.5;
    const head = named ? 14 + Math.round(5.8 * Math.max(...words.map(([word]) => short(word).length))) : 12;
    const width = cell * item.n, height = head + LINE * rows.length, spare = named ? 46 : 2;
    const x = (unit) => cell * (item.rtl ? item.n - 1 - unit : unit);
    const svg = draw("svg", { width: width + spare, height: height + 2, viewBox: `0 0 ${width + spare} ${height + 2}`, role: "img",
      "aria-label": `Heat of ${rows.length} rows over ${item.n} words; each row is read out by the button of its name.` });
    const gold = new Set(item.gold);
    words.forEach(([word, role], unit) => {
      if (gold.has(unit))
        svg.append(draw("rect", { class: "goldcol", x: x(unit) + 0.5, y: head, width: cell - 1, height: height - head }));
      if (named)
        svg.append(draw("text", { class: `head ${role}`, lang: item.lang, transform: `translate(${x(unit) + cell / 2} ${head - 6}) rotate(-60)` }, short(word)));
      svg.append(draw("path", { class: `foot ${role}`, d: `M${x(unit)} ${head - 2}h${cell}` }));
    });
    rows.forEach((row, place) => {
      const y = head + LINE * place, paths = {};
      svg.append(draw("path", { class: "rail", d: `M0 ${y + 20}h${width}` }));
      row.levels.forEach((step, unit) => {
        if (step !== "0") (paths[step] ||= []).push(`M${x(unit) + gap / 2} ${y + 3}h${cell - gap}v${LINE - 6}h${gap - cell}z`);
      });
      for (const [step, path] of Object.entries(paths)) svg.append(draw("path", { class: `${row.kind} l${step}`, d: path.join("") }));
    });
    const cursor = draw("rect", { class: "cursor", x: 0, y: head, width: cell, height: height - head, visibility: "hidden" });
    svg.append(cursor);
    return { svg, head, cell, x, cursor };
  }

  function cardOf(item) {
    const rows = rowsOf(item), { text, words, spans } = running(item, rows[0]);
    const heats = strips(item, rows, words), title = `title-${item.place}`;
    const facts = [
      ...models.flatMap((model, place) => item.answered[place] === null ? [] : [`${model} ${item.answered[place] ? "gives this answer" : "answers otherwise"}`]),
      !item.raters.length ? "no label that counts" : item.disagreement === null ? "one rater" : `disagreement ${Math.round(100 * item.disagreement)} %`,
    ];
    const names = el("div", { class: "names" });
    names.style.paddingTop = `${heats.head}px`;
    rows.forEach((row, place) => {
      const button = el("button", { type: "button", class: row.kind, "aria-pressed": String(place === 0),
        "aria-label": `${row.label}, ${row.detail}; strongest: ${strongest(row, words.map(([word]) => word))}. Show in the text.` },
        el("span", { class: "name" }, row.label), el("span", { class: "detail" }, row.detail));
      button.addEventListener("click", () => {
        for (const other of names.children) other.setAttribute("aria-pressed", String(other === button));
        spans.forEach((span, unit) => (span.className = `w ${row.kind} l${row.levels[unit]}`));
      });
      names.append(button);
    });
    const scroll = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Heat strips of item ${item.place + 1}; left and right read a word` }, heats.svg);
    const reading = el("p", { class: "reading", "aria-live": "polite" }, "\u00a0");
    point(item, rows, words, spans, heats, scroll, reading);
    return el("li", { class: "card", id: `item-${item.id}` },
      el("article", { "aria-labelledby": title },
        el("h3", { id: title, dir: "auto", lang: item.lang }, item.question),
        el("p", { class: "answer" }, "Answer: ", el("b", { dir: "auto", lang: item.lang }, item.answer)),
        el("p", { class: "facts" }, el("a", { href: `#item-${item.id}` }, `${item.source} ${item.row}`), ...facts.map((fact) => ` · ${fact}`)),
        text, el("div", { class: "strips" }, names, scroll), reading));
  }

  // The column under the pointer, or the one that the arrow keys reached, in words.
  function point(item, rows, words, spans, heats, scroll, reading) {
    let at = null;
    function show(unit) {
      if (at !== null) spans[at].classList.remove("here");
      at = unit;
      heats.cursor.setAttribute("visibility", unit === null ? "hidden" : "visible");
      if (unit === null) {
        reading.textContent = "\u00a0";
        return;
      }
      heats.cursor.setAttribute("x", heats.x(unit));
      spans[unit].classList.add("here");
      const [all, ...rest] = rows[0].kind === "gold" ? [rows[0], ...rows.filter((row) => row.kind === "method")] : [null, ...rows.filter((row) => row.kind === "method")];
      reading.replaceChildren(el("b", { lang: item.lang, dir: "auto" }, words[unit][0]),
        `, ${words[unit][1]}${all ? `, ${all.says(all.values[unit])}` : ""}: ${rest.map((row) => row.says(row.values[unit])).join(" · ") || "no method"}`);
    }
    heats.svg.addEventListener("pointermove", (event) => {
      const column = Math.floor(event.offsetX / heats.cell), unit = item.rtl ? item.n - 1 - column : column;
      if (unit >= 0 && unit < item.n && unit !== at) show(unit);
    });
    heats.svg.addEventListener("pointerleave", () => { if (document.activeElement !== scroll) show(null); });
    scroll.addEventListener("blur", () => show(null));
    scroll.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: item.rtl ? 1 : -1, ArrowRight: item.rtl ? -1 : 1 }[event.key];
      const next = event.key === "Home" ? 0 : event.key === "End" ? item.n - 1 : step === undefined ? null
        : at === null ? 0 : Math.min(item.n - 1, Math.max(0, at + step));
      if (next === null) return;
      event.preventDefault();
      show(next);
      const left = heats.x(next);
      if (left < scroll.scrollLeft || left + 3 * heats.cell > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = left - scroll.clientWidth / 2;
    });
  }

  // ---- the list ------------------------------------------------------------------------------------------------

  const list = document.querySelector(".cards"), form = document.querySelector(".filters"), pager = document.querySelector(".pager");
  const [find, source, least, order, method, answered, size, page] =
    ["find", "source", "least", "order", "method", "only-answered", "size", "page"].map(byId);
  subjects.forEach((subject, place) => method.append(el("option", { value: place }, subject.label)));
  const missing = (value, instead) => (value === null ? instead : value);
  const range = (item) => {
    const known = item.f1.filter((value, place) => value !== null && subjects[place].kind === "method");
    return known.length ? Math.max(...known) - Math.min(...known) : -1;
  };
  const orders = {
    given: () => 0,
    most: (a, b) => missing(b.disagreement, -1) - missing(a.disagreement, -1),
    least: (a, b) => missing(a.disagreement, 2) - missing(b.disagreement, 2),
    worst: (a, b) => missing(a.f1[method.value], 2) - missing(b.f1[method.value], 2),
    best: (a, b) => missing(b.f1[method.value], -1) - missing(a.f1[method.value], -1),
    apart: (a, b) => range(b) - range(a),
  };
  const text = (item) => (item.text ||= [item.source, item.row, item.id, item.question, item.answer, ...item.parts.map((part) => part[1])].join(" ").toLowerCase());
  let chosen = items, shown = 0;

  function apply() {
    const words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    least.setAttribute("aria-valuetext", `${least.value} %`);
    byId("least-value").textContent = `${least.value} %`;
    method.disabled = order.value !== "worst" && order.value !== "best";
    chosen = items.filter((item) =>
      (least.value === "0" || missing(item.disagreement, -1) * 100 >= Number(least.value)) &&
      (!answered.checked || item.known) && (!source || !source.value || item.source === source.value) &&
      words.every((word) => text(item).includes(word)));
    if (order.value !== "given") chosen.sort((a, b) => orders[order.value](a, b) || a.place - b.place);
    turn(1);
  }

  function turn(to) {
    const pages = Math.max(1, Math.ceil(chosen.length / Number(size.value)));
    shown = Math.min(pages, Math.max(1, Math.round(to) || 1));
    page.value = shown;
    page.max = pages;
    byId("pages").textContent = pages.toLocaleString("en");
    byId("previous").disabled = shown === 1;
    byId("next").disabled = shown === pages;
    pager.hidden = pages === 1;
    const first = (shown - 1) * Number(size.value), here = chosen.slice(first, first + Number(size.value));
    list.replaceChildren(...here.map(cardOf));
    byId("none").hidden = chosen.length > 0;
    byId("shown").textContent = `${chosen.length.toLocaleString("en")} of ${items.length.toLocaleString("en")} items`;
  }

  // A link to an item shows its page, whatever the filters were.
  function follow() {
    const id = decodeURIComponent(location.hash).replace(/^#item-/, "");
    const target = location.hash.startsWith("#item-") && items.find((item) => item.id === id);
    if (!target) return;
    if (!byId(`item-${id}`)) {
      if (!chosen.includes(target)) {
        form.reset();
        apply();
      }
      turn(Math.floor(chosen.indexOf(target) / Number(size.value)) + 1);
    }
    byId(`item-${id}`).scrollIntoView();
  }

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

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const control of [find, source, least, answered]) if (control) control.addEventListener("input", apply);
  for (const control of [order, method, size]) control.addEventListener("change", apply);
  page.addEventListener("change", () => turn(Number(page.value)));
  for (const [id, step] of [["previous", -1], ["next", 1]]) byId(id).addEventListener("click", () => {
    turn(shown + step);
    byId("items").scrollIntoView();
  });
  addEventListener("hashchange", follow);
  apply();
  follow();
  document.documentElement.dataset.ready = "1";
})();
