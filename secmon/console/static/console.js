// Keeps a page alive: listens to the daemon, fetches the page anew when something on it changed,
// swaps the parts marked `data-live`, counts clocks down, and turns the page grey when the daemon
// is lost. Without it everything works, but for looking again by hand.
"use strict";

(() => {
  const SILENCE_MS = 8000; // the daemon says something every 5 s
  const TICK_MS = 1000;
  const REFUSED_MS = 3000; // … and if nobody listens there at all, this is long enough to be sure
  const REST_MS = 500; // between two looks, and 10 times what a look took
  const PATIENCE_MS = 8000; // for one answer

  const body = document.body;
  const wanted = (body.dataset.live || "").split(" ").filter(Boolean);
  const awake = "awake" in body.dataset; // a page that is listened to: it never sleeps, never leaves
  const every = Number(body.dataset.every || 0) * 1000;
  let offset = Number(body.dataset.now) - Date.now(); // the daemon's clock minus ours
  let heard = performance.now(); // when the daemon last said anything
  let lost = null; // since when it is silent, by its clock
  let refused = false; // nobody listens where the daemon was
  let stream = null; // AbortController of the event stream
  let looking = false;
  let due = Infinity; // when to look again
  let looked = performance.now() - REST_MS;
  let tookMs = 0;

  const now = () => Date.now() + offset;

  // --- clocks ---

  function countdown(leftMs) {
    const whole = Math.floor(Math.abs(leftMs) / 1000);
    const two = (n) => String(n).padStart(2, "0");
    const rest = whole % 86400;
    let text = `${Math.floor(rest / 3600)}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
    if (whole >= 86400) text = body.dataset.days.replace("{n}", Math.floor(whole / 86400)) + " " + text;
    return (leftMs < 0 ? body.dataset.over : body.dataset.left).replace("{n}", text);
  }

  function pace(share) {
    return share >= 1 ? "late" : share >= 0.8 ? "soon" : share >= 0.5 ? "half" : "calm";
  }

  function count() {
    if (lost !== null) return; // what we do not know does not go on
    for (const one of document.querySelectorAll(".countdown")) {
      const start = Number(one.dataset.start), end = Number(one.dataset.due);
      const text = countdown(end - now());
      if (one.textContent !== text) one.textContent = text;
      const share = (now() - start) / Math.max(end - start, 1000);
      for (const box of [one, one.closest("[data-pace]:not(.countdown)")]) {
        if (box) box.dataset.pace = pace(share);
      }
      const bar = one.parentElement.querySelector("progress");
      if (bar) bar.value = Math.min(Math.max(share, 0), 1);
    }
  }

  // --- looking again ---

  function lookSoon(waitMs) {
    const moment = performance.now();
    due = Math.min(due, Math.max(moment + waitMs, looked + REST_MS, looked + 10 * tookMs));
    setTimeout(lookIfDue, due - moment + 1);
  }

  function lookIfDue() {
    if ((awake || !document.hidden) && performance.now() >= due) look();
  }

  async function look() {
    if (looking) return;
    looking = true;
    due = Infinity;
    const begun = performance.now();
    try {
      const answer = await fetch(body.dataset.url, {
        headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (answer.redirected && new URL(answer.url).pathname === "/login") return over();
      if (!answer.ok) throw new Error(String(answer.status));
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (performance.now() - heard < SILENCE_MS) found();
    } catch (error) {
      lookSoon(3000);
    } finally {
      looking = false;
      looked = performance.now();
      tookMs = looked - begun;
    }
  }

  function swap(page) {
    offset = Number(page.body.dataset.now) - Date.now();
    if (script(page) !== script(document) && !busy(document.getElementById("main"))) {
      return location.replace(body.dataset.url); // another version of secmon answers
    }
    const open = new Set([...document.querySelectorAll("details[open][id]")].map((one) => one.id));
    const shut = new Set([...document.querySelectorAll("details[id]:not([open])")].map((one) => one.id));
    const before = [...document.querySelectorAll("[data-live][id]")].filter((one) => one !== body);
    const after = [...page.querySelectorAll("[data-live][id]")].filter((one) => one !== page.body);
    const names = (list) => list.map((one) => one.id).join(" ");
    if (names(before) !== names(after) && page.getElementById("main") && !busy(document.getElementById("main"))) {
      put(document.getElementById("main"), page.getElementById("main"), open, shut);
      for (const old of before) { // what stands in the bar
        const made = page.getElementById(old.id);
        if (made && old.isConnected && !busy(old)) put(old, made, open, shut);
      }
    } else {
      for (const old of before) {
        const made = page.getElementById(old.id);
        if (made && !busy(old)) put(old, made, open, shut);
        else if (made && bare(old) !== bare(made)) lookSoon(3000);
      }
    }
    count();
  }

  function script(page) {
    return page.querySelector("script[src]")?.getAttribute("src");
  }

  function put(old, made, open, shut) {
    for (const one of made.querySelectorAll("details[id]")) {
      if (open.has(one.id)) one.open = true;
      else if (shut.has(one.id)) one.open = false;
    }
    if (bare(old) === bare(made)) return;
    const focus = document.activeElement && old.contains(document.activeElement) ? document.activeElement : null;
    const again = focus && (focus.id ? `#${CSS.escape(focus.id)}` : focus.getAttribute("href") && `a[href="${CSS.escape(focus.getAttribute("href"))}"]`);
    const fresh = document.importNode(made, true);
    old.replaceWith(fresh);
    if (again) fresh.querySelector(again)?.focus({ preventScroll: true });
  }

  // Without what the clocks changed: else every look would replace everything.
  function bare(node) {
    const copy = node.cloneNode(true);
    for (const one of [copy, ...copy.querySelectorAll("[data-pace]")]) one.removeAttribute?.("data-pace");
    for (const one of copy.querySelectorAll(".countdown")) one.textContent = "";
    for (const one of copy.querySelectorAll("progress")) one.removeAttribute("value");
    return copy.outerHTML;
  }

  // Somebody types here: what was typed is worth more than what is new.
  function busy(node) {
    const typing = document.activeElement?.matches("input, textarea, select") && node.contains(document.activeElement);
    if (typing || held(node)) return true;
    if (node.matches("[data-live=held]") || node.querySelector("[data-live=held]")) return true;
    return [...node.querySelectorAll("textarea, input:not([type=hidden])")].some((one) => one.value !== one.defaultValue)
      || [...node.querySelectorAll(".verbs select")].some((one) => one.selectedIndex > 0 && !one.options[one.selectedIndex].defaultSelected);
  }

  // Somebody is about to press a button here: it must not become another one under the hand. If it
  // is out of date, its `version` tells the daemon so.
  function held(node) {
    const boxes = [...(node.matches(".verbs") ? [node] : []), ...node.querySelectorAll(".verbs")];
    return boxes.some((box) => box.matches(":hover") || box.contains(document.activeElement));
  }

  // --- the event stream ---

  function matters(event) {
    if (event.type === "lagged") return true;
    const number = event.ticket?.number, device = event.device ?? event.ticket?.device;
    return wanted.includes(event.type) || wanted.includes(`${event.type}:${number ?? device}`)
      || (device && wanted.includes(`device:${device}`));
  }

  async function listen() {
    const own = (stream = new AbortController());
    const opening = setTimeout(() => own.abort(), PATIENCE_MS);
    try {
      const answer = await fetch("/api/v1/events", { cache: "no-store", signal: own.signal });
      clearTimeout(opening);
      if (answer.status === 401 || answer.status === 403) return over();
      if (!answer.ok || !answer.body) throw new Error(String(answer.status));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      hear();
      lookSoon(0); // whatever happened before we listened
      let left = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        hear();
        const blocks = (left + value).split("\n\n");
        left = blocks.pop();
        for (const block of blocks) take(block);
      }
    } catch (error) {
      refused = !own.signal.aborted; // silence is heard in `pulse`
    } finally {
      clearTimeout(opening);
      if (stream === own) stream = null;
    }
  }

  function take(block) {
    const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
    if (!data.length) return; // a comment: the daemon lives
    let event;
    try {
      event = JSON.parse(data.join("\n"));
    } catch (error) {
      event = { type: "lagged" };
    }
    if (matters(event) || event.type === "ticket") lookSoon(150);
  }

  function hear() {
    heard = performance.now();
    refused = false;
    if (lost !== null) lookSoon(0);
    else link("alive", body.dataset.alive);
  }

  // --- lost and found ---

  function lose(words = body.dataset.lost) {
    if (lost !== null) return;
    lost = now() - (performance.now() - heard);
    const at = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium", hourCycle: "h23" }).format(lost);
    const banner = document.getElementById("lost");
    banner.textContent = words.replace("{at}", at);
    banner.hidden = false;
    body.classList.add("lost");
    link("lost", "—");
  }

  // The session is over: the log-in page, unless somebody typed something that would be lost.
  function over() {
    if (awake || busy(document.getElementById("main"))) lose(body.dataset.ended);
    else location.reload();
  }

  function found() {
    if (lost === null) return;
    lost = null;
    body.classList.remove("lost");
    document.getElementById("lost").hidden = true;
    link("alive", body.dataset.alive);
    count();
  }

  function link(state, text) {
    const sign = document.getElementById("link");
    if (!sign || sign.dataset.state === state) return;
    sign.dataset.state = state;
    sign.textContent = text;
  }

  // --- the pulse ---

  function pulse() {
    const moment = performance.now();
    if (document.hidden && !awake) return; // a browser opens few connections to one host: hidden pages let go
    if (stream && moment - heard > SILENCE_MS) stream.abort();
    if (!stream) listen();
    if (moment - heard > (refused ? REFUSED_MS : SILENCE_MS)) lose();
    if (every && moment - looked > every) lookSoon(0);
    lookIfDue();
    count();
  }

  document.addEventListener("visibilitychange", () => {
    if (awake) return;
    if (document.hidden) {
      stream?.abort();
    } else {
      heard = performance.now();
      lookSoon(0);
      pulse();
    }
  });
  // A button pressed twice sends once.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "1";
    for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  setInterval(pulse, TICK_MS);
  pulse();
})();
