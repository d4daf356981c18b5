// What every page does: the clock, the dialog, messages, keys. The map and the plan form bring their own scripts.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const remember = (name, value) => {
    document.cookie = `${name}=${value};path=/;max-age=31536000;samesite=lax`;
    location.reload();
  };

  // Beijing time, whatever the machine's zone.
  const tell = (options) => new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: "Asia/Shanghai", ...options }).format(new Date());
  const tick = () => {
    const clock = one("[data-clock]");
    if (!clock) return;
    clock.textContent = tell({ hour: "2-digit", minute: "2-digit", hour12: false });
    one("[data-day]").textContent = tell({ month: "short", day: "numeric", weekday: "short" });
  };
  tick();
  setInterval(tick, 5000);

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-theme-choice],[data-language],[data-dismiss],[data-close],[data-href],[data-toggle]");
    if (!target) return;
    if (target.dataset.themeChoice) remember("qixun_theme", target.dataset.themeChoice);
    else if (target.dataset.language) remember("qixun_language", target.dataset.language);
    else if ("dismiss" in target.dataset) target.closest(".notice").remove();
    else if ("close" in target.dataset) one("#dialog").close();
    else if (target.dataset.toggle) {
      const shown = one(target.dataset.toggle);
      shown.hidden = !shown.hidden;
      target.setAttribute("aria-expanded", String(!shown.hidden));
    } else if (!event.target.closest("a,button,input,select,label")) location.href = target.dataset.href;
  });

  // A choice that has no button of its own.
  document.addEventListener("change", (event) => { if ("submit" in event.target.dataset) event.target.form.requestSubmit(); });

  // A tick in a row's first cell marks the row and does not open it.
  document.addEventListener("click", (event) => { if (event.target.closest("td.w-check")) event.stopPropagation(); }, true);

  // A menu closes when something else is clicked.
  document.addEventListener("click", (event) => {
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    if (!event.target.closest("#search")) one("#found")?.replaceChildren();
  });

  // Dialogs: the server sends the content; Esc and the backdrop close it.
  const dialog = one("#dialog");
  if (dialog) {
    document.body.addEventListener("htmx:afterSwap", (event) => {
      if (event.detail.target === dialog && !dialog.open) dialog.showModal();
      if (event.detail.target === dialog) one("[autofocus]", dialog)?.focus();
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => dialog.replaceChildren());
    document.body.addEventListener("close-dialog", () => dialog.close());
  }

  // A message must not hide behind an open dialog.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const inDialog = dialog?.open && one(".problem", dialog);
    if (event.detail.isError && inDialog) event.detail.target = inDialog;
    if (!event.detail.isError) one("#problem")?.replaceChildren();
  });
  document.body.addEventListener("htmx:sendError", () => {
    one("#problem").innerHTML = '<div class="notice danger"><b></b></div>';
    one("#problem b").textContent = document.documentElement.lang === "en"
      ? "The server cannot be reached. Nothing was changed; try again."
      : "连不上服务器，没有改动任何内容，请稍后重试。";
  });
  document.body.addEventListener("toast", (event) => {
    const toast = one("#toast");
    const { text, undo } = event.detail;
    toast.replaceChildren(text);
    if (undo) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn small", textContent: undo.word });
      button.addEventListener("click", () => { toast.classList.remove("shown"); htmx.ajax("POST", undo.address, { source: document.body, swap: "none" }); });
      toast.append(button);
    }
    toast.classList.add("shown");
    clearTimeout(toast.timer);
    // A slip is noticed a moment later: what can be undone stays longer.
    toast.timer = setTimeout(() => toast.classList.remove("shown"), undo ? 12000 : 4000);
  });
  // While htmx throttles a part it drops every trigger of it, also the last event of a burst and what the visitor
  // changed himself: the part is then loaded once more by this, at the end of the pause or at once.
  const again = (part) => part.isConnected && htmx.ajax("GET", part.getAttribute("hx-get"), { source: part });
  const pauseOf = (part, event) => {
    const [, number, unit] = part.getAttribute("hx-trigger")?.match(new RegExp(`sse:${event}\\b[^,]*throttle:(\\d+)(m?s)`)) ?? [];
    return number ? Number(number) * (unit === "s" ? 1000 : 1) : 0;
  };
  const until = new WeakMap();
  document.body.addEventListener("htmx:sseMessage", (event) => {
    const part = event.target, now = Date.now(), end = until.get(part)?.end ?? 0;
    const pause = pauseOf(part, event.detail.type);
    if (!pause) return;
    if (now >= end) until.set(part, { end: now + pause });
    else until.get(part).later ??= setTimeout(() => { until.delete(part); again(part); }, end - now);
  });
  document.body.addEventListener("htmx:afterOnLoad", (event) => {
    const told = event.detail.xhr.getResponseHeader("HX-Trigger");
    if (!told?.startsWith("{")) return;
    for (const name of Object.keys(JSON.parse(told)).filter((key) => key.endsWith("-changed"))) {
      all(`[hx-get][hx-trigger*="${name} from:body"]`).filter((part) => (until.get(part)?.end ?? 0) > Date.now()).forEach(again);
    }
  });
  // After events were lost, what is on the page may be stale.
  document.body.addEventListener("sse:reload", () => location.reload());
  document.body.addEventListener("htmx:sseMessage", (event) => { if (event.detail.type === "reload") location.reload(); });

  // Keys: / searches; j k move in a list, h l between lanes, Enter opens, x marks; Esc leaves.
  const writing = (element) => element.closest("input:not([type=checkbox]),textarea,select,[contenteditable]");
  const items = () => all("[data-item]").filter((item) => item.offsetParent);
  const step = (by) => {
    const list = items();
    const at = list.indexOf(document.activeElement.closest("[data-item]"));
    const lane = list[at]?.closest("[data-lane]");
    const own = lane ? list.filter((item) => item.closest("[data-lane]") === lane) : list;
    const next = own[Math.max(0, Math.min(own.length - 1, own.indexOf(list[at]) + by))] ?? list[0];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const across = (by) => {
    const lanes = all("[data-lane]").filter((lane) => one("[data-item]", lane));
    const at = lanes.indexOf(document.activeElement.closest("[data-lane]"));
    one("[data-item]", lanes[Math.max(0, Math.min(lanes.length - 1, at + by))] ?? document)?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && writing(event.target)) event.target.blur();
    if (event.key === "Escape") { one("#found")?.replaceChildren(); all("details.menu[open]").forEach((menu) => { menu.open = false; }); }
    if (writing(event.target) || event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
    const keyed = one(`[data-key="${CSS.escape(event.key)}"]`);
    const moves = { j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), h: () => across(-1), l: () => across(1) };
    const inList = document.activeElement.closest("[data-item]");
    if (event.key === "/") one("#search-field").focus();
    else if (event.key === "Enter" && inList === document.activeElement && inList) inList.click();
    else if (event.key === "x" && inList) one("input[type=checkbox]", inList)?.click();
    else if (moves[event.key] && (!event.key.startsWith("Arrow") || inList)) moves[event.key]();
    else if (keyed && !keyed.disabled) keyed.click();
    else return;
    event.preventDefault();
  });
  // From the search field, down goes to what was found.
  one("#search")?.addEventListener("keydown", (event) => {
    const links = all("#found a");
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown") (links[at + 1] ?? links[0])?.focus();
    else if (event.key === "ArrowUp") (links[at - 1] ?? one("#search-field")).focus();
    else return;
    event.preventDefault();
  });

  // "Mark all" of a table; and what depends on how many are marked.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-mark-all]")) {
      all("tbody input[type=checkbox]", event.target.closest("table")).forEach((box) => { box.checked = event.target.checked; });
    }
    const marked = all("tbody input[type=checkbox]:checked").length;
    all("[data-marked]").forEach((element) => { element.textContent = marked; });
    all("[data-needs-marked]").forEach((button) => { button.disabled = marked === 0; });
    if (event.target.closest("form[data-auto]")) event.target.closest("form[data-auto]").requestSubmit();
  });
})();
