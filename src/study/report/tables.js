"use strict";
document.documentElement.classList.add("scripted");
/* Tables of class "sortable" sort by a click on a column's name; what scrolls can be reached by keys. */
(() => {
    function sort(table, column, header) {
        const up = header.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
        const key = row => {
            const cell = row.cells[column];
            return cell.dataset.sort ?? cell.textContent;
        };
        const order = (a, b) => {
            const x = key(a), y = key(b), numbers = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
            /* What a row does not have stands behind, whichever way. */
            if (x === "" || y === "") return (x === "") - (y === "");
            return (up ? 1 : -1) * (numbers ? x - y : x.localeCompare(y));
        };
        body.append(...Array.from(body.rows).sort(order));
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        header.setAttribute("aria-sort", up ? "ascending" : "descending");
    }

    for (const table of document.querySelectorAll("table.sortable"))
        Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
            const button = document.createElement("button");
            button.type = "button";
            button.textContent = header.textContent;
            button.addEventListener("click", () => sort(table, column, header));
            header.replaceChildren(button);
        });

    for (const area of document.querySelectorAll(".scroll"))
        if (area.scrollWidth > area.clientWidth || area.scrollHeight > area.clientHeight) area.tabIndex = 0;
})();
