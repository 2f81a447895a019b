/* Put into the page of a training under way by test_live_browser.sh: watches it to its end, draws, drops a picture, and writes lines into
 * a pre called selftest, "ok WHAT" or "FAILED WHAT", "error WHAT". */
const lines = [], one = selector => document.querySelector(selector), all = selector => Array.from(document.querySelectorAll(selector));
const check = (what, right, detail = "") => lines.push(right ? "ok " + what : "FAILED " + what + " " + detail);
const wait = seconds => new Promise(done => setTimeout(done, 1000 * seconds));
async function until(what, reached) {
    for (let i = 0; i < 3000 && !reached(); i++) await wait(0.2);
    check(what, reached());
}
const errors = [], epochs = () => cifra.live.history()?.train_loss.length ?? 0;
/* What the link leads to: the page's policy forbids it to be read from there. */
const makeURL = URL.createObjectURL;
let kept = null;
URL.createObjectURL = blob => makeURL.call(URL, kept = blob);
addEventListener("error", e => errors.push(e.message));
addEventListener("unhandledrejection", e => errors.push(e.reason));
addEventListener("securitypolicyviolation", e => errors.push(e.violatedDirective));

try {
    const line = Array.from({ length: 20 }, (_, i) => [0.52 - 0.004 * i, 0.2 + 0.03 * i]);
    const weights = cifra.report.data.network.weights;
    if (!weights.length) {
        cifra.drawing.draw([line]);
        check("before the first epoch it says so", one("#draw-remark").textContent.includes("after its first epoch"));
    }
    await until("an epoch is done", () => epochs() >= 1 && cifra.report.data.network.weights.length);
    const first = epochs(), p = cifra.drawing.draw([line]);
    check("the drawing is answered", p.length === 10 && Math.abs(p.reduce((a, b) => a + b) - 1) < 1e-4 &&
        one("#verdict").textContent !== "\u2013" && all("#drawn-probabilities .best").length === 1);
    check("two charts of two curves", all(".chart").length === 2 && all(".chart path.train").length === 2 &&
        all(".chart path.validation").length === 2);
    check("a point for each epoch", all(".chart circle.train").length === 2 * epochs(), all(".chart circle.train").length);
    check("numbers of the last epoch", one("#facts").textContent.includes(`${epochs()} of ${cifra.live.history().epochs}`));
    const widths = () => all("#drawn-probabilities i").map(bar => bar.style.width).join(" "), answer = widths();
    const shape = all(".chart path.validation")[0].getAttribute("d");
    await until("the curves grow", () => epochs() > first + 1);
    check("and are drawn anew", all(".chart path.validation")[0].getAttribute("d") !== shape && all(".chart circle.train").length === 2 * epochs());
    check("the drawing is answered anew", widths() !== answer, answer);
    check("by the weights that it names", /after epoch \d+, here/.test(one("#draw p").textContent.replace(/\s+/g, " ")));
    await until("the training ends", () => one("#report"));
    check("with all of its curves", epochs() === cifra.live.history().epochs);
    check("its link is to what the page keeps", one("#report").href.startsWith("blob:") && kept.type === "text/html");
    lines.push("report bytes " + kept.size);
    check("the network still answers", cifra.drawing.draw([line]).length === 10);
    lines.push("verdict " + one("#verdict").textContent);
} catch (failure) {
    lines.push("error " + failure);
}
errors.forEach(message => lines.push("error " + message));
lines.push("end");
const out = document.createElement("pre");
out.id = "selftest";
out.textContent = "\n" + lines.join("\n") + "\n";
document.body.append(out);
