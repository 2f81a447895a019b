// One page at a time: the address says which. Links, history and reloading work as everywhere.
(() => {
    "use strict";
    // Sections give up their ids, so that the browser does not scroll to them and the links to the pages stay in sight.
    const pages = new Map();
    for (const section of document.querySelectorAll("main > section:not([hidden])")) {
        pages.set(section.id, section);
        section.removeAttribute("id");
    }
    const names = [...pages.keys()];
    const links = [...document.querySelectorAll("nav a")];
    const turn = document.querySelector(".turn");
    let current = names[0];

    function aim(link, name) {
        link.hidden = !name;
        if (!name) return;
        link.href = "#" + name;
        link.textContent = pages.get(name).querySelector("h2").textContent;
    }

    // An address may also be that of something within a page, or of no page at all.
    function wanted() {
        const name = decodeURIComponent(location.hash.slice(1));
        if (!name) return names[0];
        if (pages.has(name)) return name;
        const inside = document.getElementById(name);
        return names.find(page => inside && pages.get(page).contains(inside)) ?? current;
    }

    function show() {
        const before = current;
        current = wanted();
        for (const [name, section] of pages) section.classList.toggle("current", name === current);
        for (const link of links) {
            if (link.hash === "#" + current) link.setAttribute("aria-current", "page");
            else link.removeAttribute("aria-current");
        }
        const at = names.indexOf(current);
        aim(turn.querySelector("[rel=prev]"), names[at - 1]);
        aim(turn.querySelector("[rel=next]"), names[at + 1]);
        if (current !== before) scrollTo(0, 0);
    }

    document.body.classList.add("paged");
    turn.hidden = false;
    addEventListener("hashchange", show);
    show();
})();
