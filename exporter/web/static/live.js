// Keeps a page as the exporter sees things now. The stream of changes says which ports were probed; what is new about
// them is asked for as HTML and takes the place of the same part of the page. Nothing here makes markup of its own, and
// without this file every page is whole, as of when it was loaded.
"use strict";

(() => {
  // Milliseconds. The server hands out a page again for a second: asked for later, it is never one from before.
  const SETTLE = 1100;
  // A screen reader is told what changed at most so often, and by number where it is much.
  const QUIET = 4000;
  const MOST_NAMED = 3;
  // More rows than this are as well asked for with the whole page (the server takes 64).
  const MOST_ROWS = 20;
  const AGAIN = 30000;
  // What changed is on no row that is shown: only the counts are to be had.
  const UNSEEN = 5000;

  const root = document.body.dataset.root;
  const status = document.getElementById("live");
  const voice = document.getElementById("voice");
  let mark = document.body.dataset.mark;
  let clock = Date.parse(document.body.dataset.now) - performance.now();
  let wanted = null;
  let asking = false;
  let news = new Map();
  let speaking = 0;
  let rest = 0;

  const parts = (within) => new Map([...within.querySelectorAll("[data-live]")].map((part) => [part.dataset.live, part]));

  const say = (text, state) => {
    if (status.textContent !== text) status.textContent = text;
    status.dataset.state = state;
  };

  // The same words as the server's.
  const span = (seconds) => {
    if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} days`;
  };

  const age = () => {
    const now = clock + performance.now();
    for (const time of document.querySelectorAll("time[data-age]")) {
      const text = span((now - Date.parse(time.dateTime)) / 1000) + time.dataset.age;
      if (time.textContent !== text) time.textContent = text;
    }
  };

  const speak = () => {
    speaking = 0;
    const said = [...news.values()];
    news = new Map();
    if (said.length === 0) return;
    const bad = said.filter((one) => one.state === "failing").length;
    voice.textContent =
      said.length > MOST_NAMED
        ? `${said.length} ports changed, ${bad} of them are failing now`
        : said.map((one) => one.text).join(". ");
  };

  // Every entry that stands otherwise than before is worth a word, latencies are not.
  const compare = (before, after) => {
    const stood = new Map([...before.querySelectorAll("[data-entry]")].map((one) => [one.dataset.entry, one.dataset.state]));
    for (const one of after.querySelectorAll("[data-entry]")) {
      const was = stood.get(one.dataset.entry);
      if (was !== undefined && was !== one.dataset.state) {
        news.set(one.dataset.entry, {state: one.dataset.state, text: `${one.dataset.entry}: ${one.dataset.words}`});
        one.classList.add("changed");
      }
    }
    if (news.size > 0 && speaking === 0) speaking = setTimeout(speak, QUIET / 4);
  };

  // Whoever is in the middle of a part must not lose the place: the same link, the same opened dialog.
  const place = (part) => {
    const active = document.activeElement;
    if (!part.contains(active) || active === document.body) return () => {};
    const focusable = (within) => [...within.querySelectorAll("a[href], summary, input, button, [tabindex]")];
    const name = (one) => one.getAttribute("href") || one.id || one.textContent;
    const wantedName = name(active);
    return (fresh) => {
      const found = focusable(fresh).find((one) => name(one) === wantedName);
      if (found) found.focus({preventScroll: true});
    };
  };

  const swap = (part, fresh) => {
    const selection = document.getSelection();
    if (part.innerHTML === fresh.innerHTML && part.className === fresh.className) return;
    if (!selection.isCollapsed && part.contains(selection.anchorNode)) return;
    // Closed ones as well: a reader who has read the dialog of a failure does not want it back every few seconds.
    for (const old of part.querySelectorAll("details[id]")) {
      const same = [...fresh.querySelectorAll("details[id]")].find((one) => one.id === old.id);
      if (same) same.open = old.open;
    }
    for (const box of part.querySelectorAll(".scroll")) {
      const same = fresh.querySelector(".scroll");
      if (same) fresh.dataset.left = box.scrollLeft;
    }
    const back = place(part);
    compare(part, fresh);
    part.replaceWith(fresh);
    if (fresh.dataset.left) fresh.querySelector(".scroll").scrollLeft = fresh.dataset.left;
    back(fresh);
  };

  const show = (page, whole) => {
    clock = Date.parse(page.body.dataset.now) - performance.now();
    document.title = page.title;
    const here = parts(document);
    const there = parts(page);
    for (const [name, part] of here) {
      if (!part.isConnected) continue;
      const fresh = there.get(name);
      // A part inside another one comes with it where all is new.
      if (fresh && (whole ? !part.parentElement.closest("[data-live]") : !("holds" in part.dataset))) swap(part, fresh);
    }
    age();
  };

  // XMLHttpRequest, because it parses a page without any of its text becoming code on the way.
  const load = (rows) => {
    const address = new URL(location.href);
    address.hash = "";
    // Without a row of this page among them it is about the counts: no host is called "-".
    if (rows !== null) for (const row of rows.length > 0 ? rows : ["-"]) address.searchParams.append("row", row);
    const began = performance.now();
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = AGAIN;
    request.onloadend = () => {
      asking = false;
      if (request.status === 200 && request.response) {
        show(request.response, rows === null);
        if (source.readyState === EventSource.OPEN) say("Live", "on");
      } else {
        // Of a host that has left the configuration there is no page any more.
        const gone = request.status === 404;
        say(gone ? "Not up to date: no longer configured" : "Not up to date: the exporter does not answer", "off");
        wanted = "everything";
      }
      // A server that takes long has much to do, and is asked the more rarely.
      rest = Math.min(AGAIN, 10 * (performance.now() - began));
      if (wanted !== null) later(request.status === 200 ? 0 : AGAIN);
    };
    request.send();
  };

  const later = (pause) => {
    if (asking) return;
    asking = true;
    setTimeout(() => {
      const shown = wanted === "everything" ? null : [...wanted];
      wanted = null;
      load(shown === null || shown.length > MOST_ROWS ? null : shown);
    }, Math.max(pause, SETTLE, rest));
  };

  const want = (rows) => {
    if (rows === null || wanted === "everything") wanted = "everything";
    else wanted = new Set([...(wanted || []), ...rows]);
    // A page that nobody looks at is brought up to date when somebody does.
    if (!document.hidden) later(rows !== null && rows.length === 0 ? UNSEEN : 0);
  };

  const changed = (ports) => {
    const scope = document.body.dataset.scope;
    const hosts = new Set(ports.map(([host]) => host));
    if (scope.startsWith("host:")) {
      if (hosts.has(scope.slice("host:".length))) want(null);
      return;
    }
    const rows = [...parts(document).keys()].filter((name) => name.startsWith("row:")).map((name) => name.slice(4));
    want(scope === "overview" ? rows.filter((row) => hosts.has(row)) : null);
  };

  let source;
  const listen = () => {
    source = new EventSource(`${root}events?since=${encodeURIComponent(mark)}`);
    source.onopen = () => say("Live", "on");
    source.onerror = () => {
      say("Not live: trying again", "off");
      // A stream that was refused is not tried again by the browser itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { want(null); listen(); }, AGAIN);
    };
    source.addEventListener("changed", (event) => {
      mark = event.lastEventId;
      changed(JSON.parse(event.data));
    });
    source.addEventListener("reload", (event) => {
      mark = event.lastEventId;
      want(null);
    });
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && wanted !== null) later(0);
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) listen();
  });
  // The press of a key that pages about many things have: / goes to the search.
  addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    if (event.key !== "/" || !search || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    search.focus();
  });
  setInterval(age, 5000);
  age();
  listen();
})();
