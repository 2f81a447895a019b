"use strict";
/* What the page does when it is touched: a cell of the confusion matrix opens its images, an image opens a panel. */
report.openPanel = (() => {
    const { data, count, make, image, paint, looks, heat, bars, percent } = report;

    /* ---- The panel of one image ---- */

    const panel = document.getElementById("panel");
    let sequence = [], at = 0;

    function fillMap(figure, it, map, text, textOfNothing) {
        const canvas = figure.querySelector("canvas"), told = heat(canvas, it.pixels, it.shape, map) ? text : textOfNothing;
        figure.querySelector("figcaption").textContent = told;
        canvas.setAttribute("aria-label", told + ", laid over the image");
        figure.hidden = false;
    }

    function fillMaps(it) {
        const [cam, rollout] = panel.querySelectorAll(".map"), name = data.classes[it.predicted];
        const shares = network.rollout(data.network, it.pixels, it.shape);
        if (looks) fillMap(cam, it, network.gradCam(data.network, it.pixels, it.shape, it.predicted),
            "Grad-CAM: what spoke for " + name, "Grad-CAM: nothing spoke for " + name);
        if (shares) fillMap(rollout, it, shares, "Attention rollout: what it attended to", "Attention rollout: overflow");
    }

    function fillPanel() {
        const it = image(sequence[at]), right = it.label === it.predicted;
        paint(panel.querySelector("canvas"), it.pixels, it.shape);
        if (data.network) fillMaps(it);
        panel.querySelector("h3").textContent = right ? data.classes[it.label] + ", recognised"
            : data.classes[it.label] + " predicted as " + data.classes[it.predicted];
        panel.querySelector(".place").textContent =
            `image ${it.number} of the set${it.file && ", " + it.file}; ${at + 1} of ${sequence.length} shown`;
        bars(panel.querySelector("ol"), data.classes, it.probabilities, it.label);
    }

    function openPanel(list, position) {
        sequence = list;
        at = position;
        fillPanel();
        panel.showModal();
    }

    function step(by) {
        at = (at + by + sequence.length) % sequence.length;
        fillPanel();
    }

    panel.querySelector(".previous").addEventListener("click", () => step(-1));
    panel.querySelector(".next").addEventListener("click", () => step(1));
    panel.querySelector(".close").addEventListener("click", () => panel.close());
    panel.addEventListener("click", event => event.target === panel && panel.close());
    panel.addEventListener("keydown", event => {
        if (event.key === "ArrowLeft") step(-1);
        if (event.key === "ArrowRight") step(1);
    });

    /* ---- A cell's images ---- */

    const gallery = document.getElementById("gallery");

    function thumbnail(list, position) {
        const it = image(list[position]);
        const text = `image ${it.number}${it.file && ", " + it.file}: ${data.classes[it.label]}, said ${data.classes[it.predicted]} with ` +
            percent(it.probabilities[it.predicted]);
        return make("li", {}, make("button", { type: "button", "aria-label": text, title: text,
            onclick: () => openPanel(list, position) }, paint(make("canvas", { "aria-hidden": "true" }), it.pixels, it.shape)));
    }

    let opener = null;

    const cells = Array.from(document.querySelectorAll("#matrix button, #pairs tbody button"));

    function mark(label, predicted) {
        for (const button of cells)
            button.setAttribute("aria-expanded", +button.dataset.label === label && +button.dataset.predicted === predicted);
    }

    function openCell(label, predicted, button, focus) {
        const list = [];
        for (let i = 0; i < count; i++)
            if (data.images.label[i] === label && data.images.predicted[i] === predicted) list.push(i);
        const all = +button.dataset.count, name = data.classes[label];
        gallery.querySelector("h3").textContent = label === predicted ? `${name}, recognised`
            : `${name} predicted as ${data.classes[predicted]}`;
        gallery.querySelector("p").textContent = list.length === all ? `all ${all}` : `showing ${list.length} of ${all}`;
        gallery.querySelector("ul").replaceChildren(...list.map((_, position) => thumbnail(list, position)));
        mark(label, predicted);
        gallery.hidden = false;
        opener = button;
        if (!focus) return;
        gallery.querySelector("h3").focus({ preventScroll: true });
        gallery.scrollIntoView({ block: "nearest" });
    }

    function closeGallery() {
        gallery.hidden = true;
        mark(-1, -1);
        opener?.focus();
    }

    gallery.querySelector(".close").addEventListener("click", closeGallery);
    gallery.addEventListener("keydown", event => event.key === "Escape" && closeGallery());

    for (const button of cells) {
        if (!count) {
            button.disabled = true; /* the page carries no images, and says why */
            continue;
        }
        button.setAttribute("aria-expanded", "false");
        button.setAttribute("aria-controls", "gallery");
        button.addEventListener("click", () => openCell(+button.dataset.label, +button.dataset.predicted, button, true));
        /* In the table of pairs the whole row answers. */
        button.closest("#pairs tr")?.addEventListener("click", event => event.target !== button && button.click());
    }

    /* One stop of the tab key for the whole matrix; arrow keys go from cell to cell, over the empty ones. */
    const matrix = document.getElementById("matrix");

    function beyond(button, [down, right]) {
        const cell = button.closest("td"), rows = matrix.tBodies[0].rows;
        let r = cell.parentElement.sectionRowIndex, c = cell.cellIndex;
        while (rows[r += down] && rows[r].cells[c += right]) {
            const next = rows[r].cells[c].querySelector("button");
            if (next) return next;
        }
        return null;
    }

    if (matrix && count) {
        const buttons = Array.from(matrix.querySelectorAll("button"));
        const reach = button => buttons.forEach(other => other.tabIndex = other === button ? 0 : -1);
        reach(buttons[0]);
        matrix.addEventListener("focusin", event => buttons.includes(event.target) && reach(event.target));
        matrix.addEventListener("keydown", event => {
            const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
            if (!way || !buttons.includes(event.target)) return;
            beyond(event.target, way)?.focus();
            event.preventDefault();
        });
    }

    return openPanel;
})();
