(function () {
  "use strict";
  var root = document.documentElement, KEY = "attribution-theme";

  // Where the browser keeps nothing for us, the address carries the choice from page to page.
  function remembered() {
    try { return localStorage.getItem(KEY); } catch (error) {
      return new URLSearchParams(location.search).get("theme");
    }
  }
  function remember(theme) {
    try { localStorage.setItem(KEY, theme); } catch (error) {
      document.querySelectorAll("a[href*='.html']").forEach(function (link) {
        link.search = "?theme=" + theme;
      });
    }
  }
  function show(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.querySelectorAll(".theme button").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.value === (root.dataset.theme || "system")));
    });
  }
  show(remembered());
  window.addEventListener("storage", function () { show(remembered()); });

  // ------------------------------------------------------------ tables

  var NUMBER = /^[<>≈]?([−+-]?)[¥$€£]?([\d,]*\.?\d+)\s*(亿|万|M|k|%)?(\s*(–|至|\().*)?$/;
  var SCALES = { "亿": 1e8, "万": 1e4, M: 1e6, k: 1e3 };

  function number(text) {
    var found = NUMBER.exec(text);
    if (!found) return NaN;
    var size = Number(found[2].replace(/,/g, "")) * (SCALES[found[3]] || 1);
    return found[1] === "−" || found[1] === "-" ? -size : size;
  }
  function textOf(row, place) {
    var cell = row.cells[place];
    return cell ? (cell.dataset.sort || cell.textContent).trim() : "";
  }
  function missing(text) { return text === "" || text === "–" || text === "-"; }

  function numeric(rows, place) {
    return rows.every(function (row) {
      var text = textOf(row, place);
      return missing(text) || !isNaN(number(text));
    });
  }

  // What is missing comes last, whichever way; equal rows stay in the order of the page.
  function sorted(rows, place, direction) {
    var texts = rows.map(function (row) { return textOf(row, place); });
    var numbers = numeric(rows, place) && texts.map(number);
    var order = rows.map(function (_, index) { return index; });
    order.sort(function (a, b) {
      var x = texts[a], y = texts[b];
      if (missing(x) || missing(y)) return missing(x) - missing(y) || a - b;
      var by = numbers ? numbers[a] - numbers[b] : x.localeCompare(y, root.lang, { numeric: true });
      return by * direction || a - b;
    });
    return order.map(function (index) { return rows[index]; });
  }

  function sortable(table, rows, put) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, place) {
      if (head.colSpan > 1 || head.querySelector("svg") || !head.textContent.trim()) return;
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      // Numbers begin with the largest, names with the first; a third time undoes it.
      var turns = numeric(rows, place) ? ["descending", "ascending"] : ["ascending", "descending"];
      button.addEventListener("click", function () {
        var next = turns[turns.indexOf(head.getAttribute("aria-sort")) + 1];
        table.querySelectorAll("th[aria-sort]").forEach(function (other) {
          other.removeAttribute("aria-sort");
        });
        if (next) head.setAttribute("aria-sort", next);
        put(next ? sorted(rows, place, next === "ascending" ? 1 : -1) : rows);
      });
    });
  }

  function filterable(scroll, rows, closing) {
    var texts = rows.map(function (row) {
      return Array.from(row.cells, function (cell) { return cell.textContent; }).join(" ").toLowerCase();
    });
    var words = document.body.dataset, box = document.createElement("div");
    var label = document.createElement("label"), input = document.createElement("input");
    var told = document.createElement("span");
    box.className = "filter";
    input.type = "search";
    label.textContent = words.filter + " ";
    told.setAttribute("aria-live", "polite");
    label.appendChild(input);
    box.append(label, told);
    scroll.before(box);
    input.addEventListener("input", function () {
      var wanted = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      rows.forEach(function (row, index) {
        var fits = wanted.every(function (word) { return texts[index].includes(word); });
        row.hidden = !fits;
        shown += fits;
      });
      // Totals are of all rows, so they would be wrong beneath some of them.
      closing.forEach(function (row) { row.hidden = wanted.length > 0; });
      told.textContent = wanted.length
        ? words.filtered.replace("{shown}", shown).replace("{all}", rows.length) : "";
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    var theme = document.querySelector(".theme");
    if (theme) {
      theme.hidden = false;
      theme.addEventListener("click", function (event) {
        if (!event.target.value) return;
        show(event.target.value);
        remember(event.target.value);
      });
      show(root.dataset.theme);
    }
    var here = document.querySelector("nav [aria-current]");
    if (here) here.parentNode.scrollLeft = here.offsetLeft - here.parentNode.clientWidth / 2;
    document.querySelectorAll(".scroll.filterable").forEach(function (scroll) {
      var table = scroll.querySelector("table"), body = table.tBodies[0];
      var every = Array.from(body.rows);
      var ends = function (row) { return row.matches(".sum, .rest"); };
      var closing = every.filter(ends);
      var rows = every.filter(function (row) { return !ends(row); });
      filterable(scroll, rows, closing);
      sortable(table, rows, function (order) { body.append.apply(body, order.concat(closing)); });
    });
  });
})();
