// Live pictures: fetched one after another while somebody looks, a few at once, never behind a hidden tab.
(() => {
  "use strict";
  const AT_ONCE = 4, AGAIN_MS = 1000, AFTER_FAILURE_MS = 10000, LONGEST_MS = 15000;
  const due = new WeakMap(), busy = new Set();

  const seen = (tile) => {
    const box = tile.getBoundingClientRect();
    return box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  };
  const now = () => new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(new Date());

  const show = (tile, blob) => {
    const image = tile.querySelector("img"), before = image.src;
    image.src = URL.createObjectURL(blob);
    image.hidden = false;
    tile.dataset.state = "live";
    tile.querySelector(".camera-time").textContent = now();
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  };
  // The last picture goes: an old one must not pass for what is there now.
  const tell = (tile, { what, since, action }) => {
    const image = tile.querySelector("img"), [title, from, todo] = tile.querySelectorAll(".camera-why b, .camera-why span");
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    image.hidden = true;
    tile.dataset.state = "silent";
    tile.querySelector(".camera-time").textContent = "";
    [title.textContent, from.textContent, todo.textContent] = [what, since, action];
  };

  const load = async (tile) => {
    busy.add(tile);
    let pause = AGAIN_MS;
    try {
      const answer = await fetch(tile.dataset.camera, { cache: "no-store", signal: AbortSignal.timeout(LONGEST_MS) });
      if (answer.redirected || answer.status === 401) location.reload();
      else if (answer.headers.get("Content-Type") === "image/jpeg") show(tile, await answer.blob());
      else if (answer.ok) { tell(tile, await answer.json()); pause = AFTER_FAILURE_MS; }
      else pause = AFTER_FAILURE_MS;
    } catch {
      const english = document.documentElement.lang === "en";
      tell(tile, { what: english ? "The server cannot be reached" : "连不上服务器", since: "", action: english ? "It is tried again" : "会自动重试" });
      pause = AFTER_FAILURE_MS;
    } finally {
      busy.delete(tile);
      due.set(tile, Date.now() + pause);
    }
  };

  setInterval(() => {
    if (document.hidden) return;
    [...document.querySelectorAll("[data-camera]")]
      .filter((tile) => tile.dataset.camera && !busy.has(tile) && (due.get(tile) ?? 0) <= Date.now() && seen(tile))
      .sort((one, other) => (due.get(one) ?? 0) - (due.get(other) ?? 0))
      .slice(0, Math.max(0, AT_ONCE - busy.size))
      .forEach(load);
  }, 250);
})();
