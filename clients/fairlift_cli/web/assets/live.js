// Keeps an open page up to date. The page works without it: reading it again shows the same.
"use strict";
(() => {
  const { events } = document.body.dataset;
  const notice = document.querySelector("#connection span");
  const AGAIN_MS = 3000;
  let version = document.body.dataset.version;
  let source = null;
  let timer = 0;

  function connect() {
    clearTimeout(timer);
    if (source) source.close();
    source = new EventSource(events);
    source.addEventListener("version", async (news) => {
      if (news.data === version || (await refresh())) {
        version = news.data;
        notice.hidden = true;
      } else {
        notice.hidden = false;
        timer = setTimeout(connect, AGAIN_MS);
      }
    });
    source.addEventListener("lost", () => { notice.hidden = false; });
    source.onerror = () => {
      notice.hidden = false;
      // Browsers try again by themselves, unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, AGAIN_MS);
    };
  }

  async function refresh() {
    try {
      let answer = await fetch(location.href);
      // The report is being computed: what is shown stays until it is there.
      while (answer.status === 202) {
        await new Promise((go) => setTimeout(go, AGAIN_MS));
        answer = await fetch(location.href);
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = fresh.querySelector("main#content");
      if (!main || answer.status === 503) return false;
      replace(document.querySelector("main"), main);
      document.title = fresh.title;
      return true;
    } catch {
      return false;
    }
  }

  // What a reader has opened stays open.
  function replace(old, fresh) {
    const opened = [...old.querySelectorAll("details")].map((details) => details.open);
    [...fresh.querySelectorAll("details")].forEach((details, place) => {
      if (opened[place]) details.open = true;
    });
    old.replaceChildren(...fresh.childNodes);
  }

  // A browser has few connections to one server: pages in the background give theirs up.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) connect();
    else if (source) { clearTimeout(timer); source.close(); source = null; }
  });
  if (!document.hidden) connect();
})();
