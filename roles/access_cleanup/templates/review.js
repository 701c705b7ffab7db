/* Copyright (c) 2026, atlasops.access contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 * Included into review.html. Sorts, filters and searches the tables that are already there; holds no data. */
(function () {
  "use strict";
  var order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;

  function tool(table) {
    var box = document.querySelector('[data-for="' + table.id + '"]');
    var body = table.tBodies[0];
    var heads = Array.from(table.tHead.rows[0].cells);
    var rows = Array.from(body.rows, function (row) { return { row: row, hidden: "" }; });
    var cap = Number(table.dataset.cap);
    var all = rows.length <= cap;
    var fields = box ? Array.from(box.querySelectorAll("[data-filter]")) : [];
    var search = box && box.querySelector("[type=search]");
    var shown = document.createElement("p");
    var more = document.createElement("button");
    shown.className = "shown";
    shown.setAttribute("role", "status");
    more.type = "button";
    more.className = "plain more";
    table.parentNode.before(shown);
    table.parentNode.after(more);

    function fits(item, asked, words) {
      return asked.every(function (one) {
        return (" " + (item.row.getAttribute("data-" + one[0]) || "") + " ").includes(" " + one[1] + " ");
      }) && words.every(function (word) {
        if (item.text === undefined) { item.text = item.row.textContent.toLowerCase(); }
        return item.text.includes(word);
      });
    }

    function update() {
      var asked = fields.map(function (field) {
        return [field.dataset.filter, field.type === "checkbox" ? (field.checked ? field.value : "") : field.value];
      }).filter(function (one) { return one[1]; });
      var words = search ? search.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
      var fit = 0;
      rows.forEach(function (item) {
        var hidden = "out";
        if (fits(item, asked, words)) {
          fit += 1;
          hidden = all || fit <= cap ? "" : "over";
        }
        if (hidden !== item.hidden) { item.row.className = item.hidden = hidden; }
      });
      var seen = all ? fit : Math.min(fit, cap);
      shown.textContent = fit === 0 ? "Nothing fits. " + rows.length + " rows in all."
        : "Showing " + seen + (fit < rows.length ? " of " + fit + " that fit, " + rows.length + " in all." : " of " + rows.length + ".");
      more.hidden = seen === fit;
      more.textContent = "Show all " + fit;
    }

    function key(item, column) {
      var cell = item.row.cells[column];
      return cell.hasAttribute("data-s") ? cell.getAttribute("data-s") : cell.textContent.trim();
    }

    function sort(head) {
      var column = heads.indexOf(head);
      var down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(function (one) { one.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.forEach(function (item) { item.key = key(item, column); });
      rows.sort(function (a, b) { return down ? order(b.key, a.key) : order(a.key, b.key); });
      var moved = document.createDocumentFragment();
      rows.forEach(function (item) { moved.appendChild(item.row); });
      update();
      body.appendChild(moved);
    }

    heads.forEach(function (head) {
      var button = document.createElement("button");
      button.type = "button";
      head.dataset.name = head.textContent;
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
    });
    table.tHead.addEventListener("click", function (event) {
      var button = event.target.closest("button");
      if (button) { sort(button.parentNode); }
    });
    more.addEventListener("click", function () {
      all = true;
      update();
      shown.tabIndex = -1;
      shown.focus();
    });
    if (box) {
      box.hidden = false;
      box.addEventListener("input", update);
      box.addEventListener("submit", function (event) { event.preventDefault(); });
      box.addEventListener("reset", function () { setTimeout(update); });
      table.addEventListener("filter", function (event) {
        fields.forEach(function (field) {
          if (field.type === "checkbox") { field.checked = false; } else { field.value = ""; }
          if (field.dataset.filter === event.detail[0]) { field.value = event.detail[1]; }
        });
        if (search) { search.value = ""; }
        update();
      });
    }
    update();
  }

  document.querySelectorAll("table[data-cap]").forEach(tool);
  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[data-rule]");
    var table = link && document.getElementById("findings-table");
    if (table) { table.dispatchEvent(new CustomEvent("filter", { detail: ["rule", link.dataset.rule] })); }
  });
})();
