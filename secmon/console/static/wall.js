// The control room's screen: the time, pages of tickets, and an alarm that one hears. It sounds while
// a critical or major ticket is not acknowledged, and lower while the daemon is lost; nothing on this
// page silences it. Browsers give no sound before one press, unless they run as a kiosk.
"use strict";

(() => {
  const PAGE_MS = 10000; // that a page of tickets stays
  const TONES = { // frequencies in Hz, seconds of each, seconds until they come again
    alarm: { notes: [880, 660, 880, 660], length: 0.22, rest: 2 },
    lost: { notes: [220, 165], length: 0.7, rest: 5 },
    test: { notes: [660, 880], length: 0.15, rest: 0 },
  };
  const body = document.body, sign = document.getElementById("sound");
  const turnOn = document.getElementById("turn-on"), test = document.getElementById("test-sound");
  const pages = document.getElementById("pages"), pageOf = document.getElementById("page-of");
  const clock = document.getElementById("clock");
  const offset = Number(body.dataset.now) - Date.now();
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  // --- sound ---

  const Context = window.AudioContext || window.webkitAudioContext;
  const audio = Context ? new Context() : null;
  let again = 0; // when the tone comes again, by the page's clock
  let last = "quiet";

  function play(name) {
    const tone = TONES[name];
    let at = audio.currentTime + 0.02;
    for (const note of tone.notes) {
      const voice = audio.createOscillator(), loudness = audio.createGain();
      voice.type = name === "lost" ? "sawtooth" : "square";
      voice.frequency.value = note;
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(0.35, at + 0.01);
      loudness.gain.setValueAtTime(0.35, at + tone.length - 0.02);
      loudness.gain.linearRampToValueAtTime(0, at + tone.length);
      voice.connect(loudness).connect(audio.destination);
      voice.start(at);
      voice.stop(at + tone.length);
      at += tone.length;
    }
    return (at - audio.currentTime + tone.rest) * 1000;
  }

  function wanted() {
    if (body.classList.contains("lost")) return "lost";
    return Number(document.getElementById("alarm")?.dataset.count) > 0 ? "alarm" : "quiet";
  }

  function sound() {
    const on = audio !== null && audio.state === "running";
    const state = audio === null ? "none" : on ? "on" : "off";
    if (sign.dataset.sound !== state) {
      sign.dataset.sound = state;
      sign.textContent = sign.dataset[state];
      turnOn.hidden = state !== "off";
      test.hidden = state !== "on";
    }
    const now = wanted();
    body.dataset.sounds = on ? now : "off";
    if (now !== last) again = 0;
    last = now;
    if (on && now !== "quiet" && performance.now() >= again) again = performance.now() + play(now);
  }

  async function wake() {
    if (audio === null || audio.state === "running") return;
    await audio.resume();
    if (wanted() === "quiet") play("test"); // so that one hears that it works
    sound();
  }

  for (const press of ["pointerdown", "keydown"]) document.addEventListener(press, wake);
  turnOn.addEventListener("click", wake);
  test.addEventListener("click", () => play("test"));
  audio?.addEventListener("statechange", sound);
  setInterval(sound, 250);
  sound();

  // --- the time ---

  const lang = document.documentElement.lang, zone = { timeZone: clock.dataset.zone };
  const day = new Intl.DateTimeFormat(lang, { month: "2-digit", day: "2-digit", ...zone });
  const weekday = new Intl.DateTimeFormat(lang, { weekday: "short", ...zone });
  const time = new Intl.DateTimeFormat(lang, { timeStyle: "medium", hourCycle: "h23", ...zone });

  function tell() {
    const when = new Date(Date.now() + offset);
    const text = `${day.format(when)} ${weekday.format(when)} ${time.format(when)}`;
    if (clock.textContent !== text) clock.textContent = text;
  }
  setInterval(tell, 250);
  tell();

  // --- pages of tickets ---

  function turn() {
    if (pages.matches(":focus-within, :hover")) return; // somebody reads or scrolls here
    const page = Math.max(pages.clientHeight - 40, 40);
    const end = pages.scrollHeight - pages.clientHeight;
    const top = pages.scrollTop >= end - 1 ? 0 : Math.min(pages.scrollTop + page, end);
    pages.scrollTo({ top, behavior: still.matches ? "auto" : "smooth" });
    const many = Math.ceil(end / page) + 1;
    pageOf.textContent = many > 1 ? `${Math.ceil(top / page) + 1}/${many}` : "";
  }
  setInterval(turn, PAGE_MS);
})();
