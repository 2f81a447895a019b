// One page at a time: the address says which. Links, history and reloading work as everywhere.
(() => {
    "use strict";
    const sections = [...document.querySelectorAll("main > section")].filter(section => !section.hidden);
    const links = [...document.querySelectorAll("nav a")];
    const turn = document.querySelector(".turn");
    const name = section => section.querySelector("h2").textContent;

    function aim(link, section) {
        link.hidden = !section;
        if (!section) return;
        link.href = "#" + section.id;
        link.textContent = name(section);
    }

    function show() {
        const wanted = decodeURIComponent(location.hash.slice(1));
        // An address may be that of something within a page.
        const inside = wanted && document.getElementById(wanted);
        const at = Math.max(0, sections.findIndex(section => inside && section.contains(inside)));
        sections.forEach((section, i) => section.classList.toggle("current", i === at));
        for (const link of links) {
            if (link.hash === "#" + sections[at].id) link.setAttribute("aria-current", "page");
            else link.removeAttribute("aria-current");
        }
        aim(turn.querySelector("[rel=prev]"), sections[at - 1]);
        aim(turn.querySelector("[rel=next]"), sections[at + 1]);
        // The browser scrolls to what the address names, which leaves the links to the pages out of sight.
        requestAnimationFrame(() => inside && inside !== sections[at] ? inside.scrollIntoView() : scrollTo(0, 0));
    }

    document.body.classList.add("paged");
    turn.hidden = false;
    addEventListener("hashchange", show);
    addEventListener("load", show);
    show();
})();
