"use strict";
/* The page of a training under way: asks each second how far it is, and after an epoch for the history and the weights. */
const live = (() => {
    const { make, percent, data } = report, model = data.network, at = id => document.getElementById(id);
    /* Of an adapted training what is validated has no labels. */
    const words = data.unlabelled ? { loss: "Score without labels (0 best)", accuracy: "Confidence" } : { loss: "Loss", accuracy: "Accuracy" };
    let version = 0, history = null, failures = 0, over = false;

    async function get(name) {
        const response = await fetch(name + location.search, { cache: "no-store" });
        if (!response.ok) throw new Error(`${name}: ${response.status}`);
        return response;
    }

    /* ---- Curves ---- */

    function svg(name, attributes, ...children) {
        const element = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
        element.append(...children);
        return element;
    }

    /* At most six round numbers from low to high. */
    function ticks(low, high) {
        const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
        const step = [1, 2, 5, 10].map(times => times * power).find(value => value >= rough), list = [];
        for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-9); n++) list.push(+(n * step).toPrecision(12));
        return list;
    }

    function chart(title, lines, text) {
        const W = 520, H = 260, left = 56, right = 82, top = 10, foot = 34, done = lines[0].values.length;
        const epochs = Math.max(2, Math.min(history.epochs, 2 * Math.max(done, 5))); /* room to grow */
        const values = lines.flatMap(line => line.values).filter(Number.isFinite);
        const low = Math.min(...values), spread = Math.max(...values) - low, margin = spread > 0 ? spread / 20 : Math.abs(low) / 10 || 1;
        const from = Math.max(0, low - margin), to = low + spread + margin;
        const x = epoch => left + (W - left - right) * (epoch - 1) / (epochs - 1), y = v => top + (H - top - foot) * (to - v) / (to - from);
        const parts = ticks(from, to).flatMap(v => [svg("line", { x1: left, x2: W - right, y1: y(v), y2: y(v) }),
            svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, text(v))]);
        for (const epoch of ticks(1, epochs).filter(Number.isInteger))
            parts.push(svg("text", { x: x(epoch), y: H - foot + 18, "text-anchor": "middle" }, epoch));
        parts.push(svg("text", { x: (left + W - right) / 2, y: H - 2, "text-anchor": "middle" }, "epoch"));
        if (history.best_epoch)
            parts.push(svg("line", { class: "best", x1: x(history.best_epoch), x2: x(history.best_epoch), y1: top, y2: H - foot },
                svg("title", {}, `best epoch: ${history.best_epoch}`)));
        for (const { values: of, name } of lines) {
            const points = of.map((v, i) => [x(i + 1), y(v), v, i + 1]).filter(([, , v]) => Number.isFinite(v));
            parts.push(svg("path", { class: name, d: points.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("") }));
            parts.push(...points.map(([px, py, v, epoch]) => svg("circle", { class: name, cx: px, cy: py, r: of.length > 60 ? 1 : 2.5 },
                svg("title", {}, `${name}, epoch ${epoch}: ${text(v)}`))));
        }
        /* Names at the lines' ends, a line's height apart. */
        const ends = lines.map(({ values: of, name }) => ({ name, y: y(of.findLast(Number.isFinite) ?? from), x: x(of.length) + 8 }));
        ends.sort((a, b) => a.y - b.y).forEach((end, i) => end.y = Math.max(end.y, i ? ends[i - 1].y + 15 : 0));
        parts.push(...ends.map(end => svg("text", { class: end.name, x: end.x, y: end.y + 4 }, end.name)));
        return make("figure", {}, svg("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img",
            "aria-label": `${title} by epoch; the last: ` + lines.map(line => `${line.name} ${text(line.values.at(-1))}`).join(", ") }, ...parts),
            make("figcaption", {}, title));
    }

    function showHistory() {
        const lines = what => [{ name: "train", values: history["train_" + what] }, { name: "validation", values: history["validation_" + what] }];
        const epoch = history.train_loss.length, best = history.best_epoch, number = v => v === null ? "–" : v.toPrecision(4);
        const name = history.run.split("/").filter(Boolean).at(-1) + (history.place && `, ${history.place}`);
        at("name").textContent = name;
        document.title = name + " – cifra";
        if (!epoch) return at("curves").replaceChildren(make("p", { class: "aside" }, "They begin when the first epoch ends."));
        at("curves").replaceChildren(chart(words.loss, lines("loss"), v => +v.toPrecision(4)),
            chart(words.accuracy, lines("accuracy"), v => +(100 * v).toPrecision(4) + " %"));
        const fact = (term, value, remark) => make("div", {}, make("dt", {}, term), make("dd", {}, value, make("small", {}, remark)));
        at("facts").replaceChildren(
            fact("Epochs done", `${epoch} of ${history.epochs}`, `best so far: ${best}`),
            fact(`${words.accuracy} on validation images`, percent(history.validation_accuracy.at(-1)), `best epoch: ${percent(history.validation_accuracy[best - 1])}`),
            fact(`${words.loss} on validation images`, number(history.validation_loss.at(-1)), `best epoch: ${number(history.validation_loss[best - 1])}`));
    }

    /* ---- How far it is ---- */

    function timeLeft(seconds) {
        return seconds >= 3600 ? `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`
            : seconds >= 60 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${Math.round(seconds)} s`;
    }

    async function renew(next) {
        history = await (await get("history.json")).json();
        showHistory();
        if (history.train_loss.length) {
            const response = await get("weights");
            model.weights = new Float32Array(await response.arrayBuffer());
            at("answering").textContent = `The network answers with its weights after epoch ${response.headers.get("Cifra-Epoch")}`;
            drawing.again();
        }
        version = next;
    }

    /* The report is kept here: when this is shown, the server is gone. */
    async function finish(end) {
        document.querySelector(".eyebrow").textContent = end.report ? "Training done" : "Training ended";
        at("status").textContent = end.reason ?? "";
        if (end.report) {
            const page = URL.createObjectURL(new Blob([await (await get("report.html")).arrayBuffer()], { type: "text/html" }));
            at("progress").value = 1;
            at("status").append("The training is over. ", make("a", { href: page, id: "report" }, "Open its report"), `, which is ${end.report}.`);
        }
        over = true;
    }

    async function ask() {
        const p = await (await get("progress.json")).json();
        if (p.version !== version) await renew(p.version);
        failures = 0;
        if (p.end) return finish(p.end);
        at("progress").value = (p.epoch - 1 + (p.steps ? p.step / p.steps : 0)) / p.epochs;
        at("status").textContent = !p.step ? "It begins." : p.epoch === p.epochs && p.step === p.steps
            ? "The last epoch is done; the test and the report follow."
            : `Epoch ${p.epoch}, step ${p.step} of ${p.steps}; at most ${timeLeft(p.seconds_left)} left.`;
    }

    function lost() {
        over = true;
        document.querySelector(".eyebrow").textContent = "Training ended";
        at("status").textContent = `cifra does not answer any more: it was stopped, or has ended. What it has made is in ${history?.run ?? "the run's folder"}; ` +
            "cifra train --resume --out with this folder goes on.";
    }

    async function keepAsking() {
        await ask().catch(() => ++failures > 2 && lost());
        if (!over) setTimeout(keepAsking, 1000);
    }

    keepAsking();
    return { ask, history: () => history };
})();
/* For whoever opens the console, as in report.html. */
window.cifra = { report, network, drawing, live };
