// A 一张图: what is on the map now, what it was at an earlier moment of the day, and what a click tells.
const frame = document.querySelector("#map");
const { EMPTY, LEVELS, addNetwork, boundsOf, distance, km, load, makeMap, token } = await import(frame.dataset.layers);
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const english = document.documentElement.lang === "en";
const say = (zh, en) => (english ? en : zh);
const { map, gl, plain } = await makeMap(frame, "canvas");
window.qixunMap = map;

const round = { "line-cap": "round", "line-join": "round" };
addNetwork(map, plain);
for (const name of ["walked", "tracks", "stations", "vehicles", "findings", "measure", "chosen"]) map.addSource(name, { type: "geojson", data: EMPTY });
map.addLayer({ id: "walked", type: "line", source: "walked", layout: round, paint: { "line-color": token("--ok"), "line-opacity": 0.3, "line-width": ["interpolate", ["linear"], ["zoom"], 12, 5, 17, 13] } }, "pipes:low");
map.addLayer({ id: "tracks", type: "line", source: "tracks", layout: round, paint: { "line-color": token("--ink"), "line-width": 1.8, "line-dasharray": [0.1, 2.8] } });
map.addLayer({ id: "chosen", type: "line", source: "chosen", layout: round, paint: { "line-color": token("--gas"), "line-width": 11, "line-opacity": 0.55 } }, "pipes:low");
map.addLayer({ id: "pulse", type: "circle", source: "findings", filter: ["==", ["get", "urgent"], true], paint: { "circle-radius": 26, "circle-color": token("--danger"), "circle-opacity": 0.16, "circle-stroke-width": 1.5, "circle-stroke-color": token("--danger"), "circle-stroke-opacity": 0.5 } });
const finding = (id, kind) => map.addLayer({ id, type: "symbol", source: "findings", filter: ["==", ["get", "layer"], kind], layout: { "icon-image": ["get", "icon"], "icon-allow-overlap": true, "symbol-sort-key": ["get", "weight"] } });
map.addLayer({ id: "vehicle-tracks", type: "line", source: "vehicles", filter: ["==", ["get", "layer"], "vehicle-tracks"], layout: round, paint: { "line-color": token("--primary"), "line-width": 2, "line-opacity": 0.6 } });
map.addLayer({ id: "stations", type: "symbol", source: "stations", layout: { "icon-image": ["get", "icon"], "icon-allow-overlap": true } });
map.addLayer({ id: "vehicles", type: "symbol", source: "vehicles", filter: ["==", ["get", "layer"], "vehicles"], layout: { "icon-image": ["get", "icon"], "icon-allow-overlap": true } });
finding("works", "works");
finding("hazards", "hazards");
map.addLayer({ id: "measure", type: "line", source: "measure", paint: { "line-color": token("--primary"), "line-width": 2.5, "line-dasharray": [2, 1.5] } });
map.addLayer({ id: "measure-points", type: "circle", source: "measure", paint: { "circle-radius": 4, "circle-color": token("--surface"), "circle-stroke-width": 2, "circle-stroke-color": token("--primary") } });

// Network: once, and again when it was imported anew.
let pipes = EMPTY, facilities = EMPTY;
const showNetwork = async () => {
  [pipes, facilities] = await Promise.all([load("/api/network/pipes.geojson"), load("/api/network/facilities.geojson")]).then((found) => found.map((part) => part ?? EMPTY));
  one("#no-network").hidden = pipes.features.length > 0;
  filterByArea();
  if (pipes.features.length) map.fitBounds(boundsOf(shownPipes(), gl), { padding: { top: 84, bottom: 100, left: 40, right: 220 }, duration: 0 });
};
const area = one("#area");
const shownPipes = () => pipes.features.filter((pipe) => !area.value || pipe.properties.area_id === area.value);
function filterByArea() {
  const shown = shownPipes();
  map.getSource("pipes").setData({ ...pipes, features: shown });
  const points = facilities.features.filter((point) => !area.value || point.properties.area_id === area.value);
  map.getSource("facilities").setData({ ...facilities, features: points });
  for (const level of Object.keys(LEVELS)) {
    const length = shown.reduce((sum, { properties: p }) => sum + (p.pressure_level === level ? p.length_m : 0), 0);
    const output = one(`[data-length="${level}"]`);
    if (output) { output.textContent = length ? km(length) : ""; output.closest("li").hidden = !length; }
  }
  all("[data-count=valve]").forEach((o) => { o.textContent = points.filter((p) => p.properties.kind.startsWith("valve")).length || ""; });
  all("[data-count=regulator_box]").forEach((o) => { o.textContent = points.filter((p) => p.properties.kind.startsWith("regul")).length || ""; });
}
area.addEventListener("change", () => { filterByArea(); fit(); });
const fit = () => { const shown = shownPipes(); if (shown.length) map.fitBounds(boundsOf(shown, gl), { padding: { top: 84, bottom: 100, left: 40, right: 220 } }); };

// The day: minutes since midnight in Beijing; 1440 is "now".
const slider = one("#moment"), live = one("#live");
const midnight = Date.parse(`${frame.dataset.day}T00:00:00+08:00`);
const minuteNow = () => (Date.now() - midnight) / 60000;
const begin = 360, end = 1200;
let following = true, tracks = EMPTY, findings = { features: [] }, people = [];
slider.min = Math.min(begin, Math.floor(minuteNow() / 60) * 60);
slider.max = Math.max(end, Math.ceil(minuteNow() / 60) * 60);
slider.value = Math.floor(minuteNow());
const span = () => Number(slider.max) - Number(slider.min);
const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(Math.floor(minute % 60)).padStart(2, "0")}`;
one(".ticks").replaceChildren(...Array.from({ length: Math.floor(span() / 120) + 1 }, (_, i) => {
  const tick = document.createElement("span");
  const minute = Number(slider.min) + i * 120;
  tick.textContent = clock(minute);
  tick.style.left = `${(100 * i * 120) / span()}%`;
  return tick;
}));
const moment = () => (following ? Infinity : midnight + Number(slider.value) * 60000);

const markers = new Map();
function showPeople() {
  const shown = following ? people : replayed();
  const kept = new Set(shown.map((person) => person.id));
  for (const [id, marker] of markers) if (!kept.has(id)) { marker.remove(); markers.delete(id); }
  for (const person of shown) {
    let marker = markers.get(person.id);
    if (!marker) {
      const face = document.createElement("button");
      face.type = "button";
      face.addEventListener("click", (event) => { event.stopPropagation(); tellPerson(people.find((p) => p.id === person.id) ?? person); });
      marker = new gl.Marker({ element: face, anchor: "bottom" }).setLngLat([person.lon, person.lat]).addTo(map);
      markers.set(person.id, marker);
    }
    const face = marker.getElement();
    face.className = `person maplibregl-marker ${person.off ? "off" : ""}`;
    face.textContent = (person.name.split("-").pop() || "?")[0];
    face.setAttribute("aria-label", person.name);
    face.hidden = !one("[data-layer=people]").checked;
    marker.setLngLat([person.lon, person.lat]);
  }
  one("[data-count=people]").textContent = people.length || "";
}
// Where people were at an earlier moment: along the track's chunk of that time.
function replayed() {
  const at = moment(), found = new Map();
  for (const { properties: p, geometry } of tracks.features) {
    const [from, to] = [Date.parse(p.started_at), Date.parse(p.ended_at)];
    if (from > at) continue;
    const line = geometry.coordinates, share = to > from ? Math.min(1, (at - from) / (to - from)) : 1;
    const place = share * (line.length - 1), i = Math.min(Math.floor(place), line.length - 2), rest = place - i;
    const [lon, lat] = line.length < 2 ? line[0] : [0, 1].map((axis) => line[i][axis] + (line[i + 1][axis] - line[i][axis]) * rest);
    if (!found.has(p.staff_id) || found.get(p.staff_id).from < from) found.set(p.staff_id, { id: p.staff_id, name: people.find((x) => x.id === p.staff_id)?.name ?? "?", lon, lat, from, off: at - to > 1800000 });
  }
  return [...found.values()];
}
function showDay() {
  const at = moment();
  map.getSource("tracks").setData({ ...tracks, features: tracks.features.filter((chunk) => Date.parse(chunk.properties.started_at) <= at) });
  map.getSource("findings").setData({ type: "FeatureCollection", features: findings.features.filter((f) => Date.parse(f.properties.at) <= at) });
  showPeople();
  live.setAttribute("aria-pressed", String(following));
  one("[data-clock-here]").textContent = following ? clock(minuteNow()) : clock(Number(slider.value));
  slider.style.setProperty("--done", `${(100 * (Number(slider.value) - Number(slider.min))) / span()}%`);
}
function showBars() {
  const bins = new Array(Math.ceil(span() / 15)).fill(0);
  for (const { properties: p, geometry } of tracks.features) {
    const bin = Math.floor(((Date.parse(p.started_at) - midnight) / 60000 - Number(slider.min)) / 15);
    if (bin >= 0 && bin < bins.length) bins[bin] += geometry.coordinates.length;
  }
  const most = Math.max(1, ...bins), width = 840 / bins.length;
  const bars = bins.map((n, i) => (n ? `<rect x="${(i * width + 1).toFixed(1)}" y="${(28 - (16 * n) / most).toFixed(1)}" width="${(width - 2).toFixed(1)}" height="${((16 * n) / most).toFixed(1)}" rx="1"/>` : ""));
  const marks = findings.features.filter((f) => f.properties.layer === "hazards").map((f) => {
    const x = (840 * ((Date.parse(f.properties.at) - midnight) / 60000 - Number(slider.min))) / span();
    return x >= 0 ? `<path class="${f.properties.urgent ? "s-danger" : "s-warn"}" d="M${(x - 5).toFixed(1)} 10h10l-5-9z"/>` : "";
  });
  one("#bars").innerHTML = bars.join("") + marks.join("");
}
slider.addEventListener("input", () => { following = Number(slider.value) >= minuteNow() - 1; showDay(); });
live.addEventListener("click", () => { stop(); following = true; slider.value = Math.floor(minuteNow()); showDay(); });
let playing = 0;
const play = one("[data-play]");
function stop() { clearInterval(playing); playing = 0; play.setAttribute("aria-label", say("播放", "Play")); play.classList.remove("on"); }
play.addEventListener("click", () => {
  if (playing) return stop();
  if (following) slider.value = slider.min;
  following = false;
  play.setAttribute("aria-label", say("暂停", "Pause"));
  play.classList.add("on");
  playing = setInterval(() => {
    slider.value = Number(slider.value) + 2;
    if (Number(slider.value) >= Math.min(minuteNow(), Number(slider.max))) { stop(); following = true; }
    showDay();
  }, 60);
});
setInterval(() => { if (following) { slider.value = Math.floor(minuteNow()); showDay(); } }, 30000);

const loads = {
  people: async () => { people = (await load("/map/people.json")) ?? []; showPeople(); },
  tracks: async () => {
    tracks = (await load("/map/tracks.geojson")) ?? EMPTY;
    one("[data-count=tracks]").textContent = new Set(tracks.features.map((f) => f.properties.patrol_id)).size || "";
    showDay(); showBars();
  },
  walked: async () => {
    const walked = (await load("/map/walked.geojson")) ?? EMPTY;
    map.getSource("walked").setData(walked);
    one("[data-count=walked]").textContent = walked.features.length || "";
  },
  stations: async () => {
    const stations = (await load("/map/stations.geojson")) ?? EMPTY;
    map.getSource("stations").setData(stations);
    one("[data-count=stations]").textContent = stations.features.length || "";
  },
  vehicles: async () => {
    const vehicles = (await load("/map/vehicles.geojson")) ?? EMPTY;
    map.getSource("vehicles").setData(vehicles);
    one("[data-count=vehicles]").textContent = vehicles.features.filter((f) => f.properties.layer === "vehicles").length || "";
  },
  findings: async () => {
    findings = (await load("/map/findings.geojson")) ?? EMPTY;
    for (const layer of ["hazards", "works"]) one(`[data-count=${layer}]`).textContent = findings.features.filter((f) => f.properties.layer === layer).length || "";
    showDay(); showBars();
  },
};
// Several events within a moment make one request.
const soon = {};
const again = (name, ms = 400) => { clearTimeout(soon[name]); soon[name] = setTimeout(loads[name], ms); };
const HEARD = { positions: ["people", "tracks", "vehicles"], patrols: ["tracks", "walked"], hazards: ["findings"], stations: ["stations"], photos: [], records: [] };
document.body.addEventListener("htmx:sseMessage", (event) => {
  (HEARD[event.detail.type] ?? []).forEach((name) => again(name));
  if (event.detail.type === "network") showNetwork();
});
// htmx hears only names that an element waits for; the map waits for these.
all("[data-hears]").length || (() => {
  const ears = document.createElement("div");
  ears.hidden = true;
  for (const name of ["positions", "patrols", "hazards", "stations", "network"]) {
    const ear = document.createElement("i");
    ear.setAttribute("sse-swap", name);
    ear.setAttribute("hx-swap", "none");
    ears.append(ear);
  }
  frame.append(ears);
  window.htmx?.process(ears);
})();

// Layers on and off.
all("[data-layer]").forEach((box) => box.addEventListener("change", () => {
  const name = box.dataset.layer;
  if (name === "people") return showPeople();
  for (const id of name === "hazards" ? ["hazards", "pulse"] : name === "vehicles" ? ["vehicles", "vehicle-tracks"] : [name]) map.setLayoutProperty(id, "visibility", box.checked ? "visible" : "none");
}));

// What a click tells.
const callout = one("#callout");
const text = (tag, content, className = "") => { const e = document.createElement(tag); e.textContent = content; e.className = className; return e; };
function tell(title, rows, { href, action, big, unit } = {}) {
  const head = text("div", "", "row");
  const close = text("button", "×", "btn icon quiet");
  close.setAttribute("aria-label", say("关闭", "Close"));
  close.addEventListener("click", () => hush());
  head.append(text("b", title, "cut"), text("span", "", "push"), close);
  const list = document.createElement("dl");
  for (const [name, value] of rows) if (value) list.append(text("dt", name), text("dd", value));
  callout.replaceChildren(head);
  if (big) { const p = text("p", big, "big"); p.append(text("span", unit, "unit")); callout.append(p); }
  callout.append(list);
  if (href) { const go = text("a", action, "btn primary wide"); go.href = href; callout.append(go); }
  callout.hidden = false;
}
function hush() { callout.hidden = true; map.getSource("chosen").setData(EMPTY); }
const when = (iso) => new Date(iso).toLocaleString(english ? "en-GB" : "zh-CN", { timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
function tellPerson(person) {
  tell(person.name, [
    [say("最后位置", "Last position"), person.at ? when(person.at) : ""],
    [say("精度", "Accuracy"), person.accuracy_m ? `± ${Math.round(person.accuracy_m)} m` : ""],
    [say("读数", "Reading"), person.methane_ppm != null ? `${person.methane_ppm} ppm` : ""],
    [say("提示", "Note"), person.mocked ? say("手机报告使用了模拟位置", "the phone reports a mocked position") : ""],
  ], { href: `/tasks?staff_id=${person.id}`, action: say("看任务", "Tasks") });
}
const levels = Object.fromEntries(JSON.parse(frame.dataset.levels).map(({ code, name }) => [code, name]));
function tellFeature(feature) {
  const p = feature.properties;
  map.getSource("chosen").setData(EMPTY);
  if (p.layer) return tell(p.title, JSON.parse(p.rows), { href: p.href, action: p.action, big: p.big, unit: p.unit });
  if (p.pressure_level) {
    map.getSource("chosen").setData(pipes.features.find((pipe) => pipe.properties.id === p.id) ?? EMPTY);
    return tell(p.code, [[say("压力级制", "Level"), levels[p.pressure_level]], [say("材质管径", "Pipe"), `${p.material} ${p.diameter}`.trim()], [say("敷设年份", "Laid"), p.laid_year && String(p.laid_year)], [say("长度", "Length"), `${p.length_m} m`], [say("片区", "Area"), area.querySelector(`[value="${p.area_id}"]`)?.textContent]]);
  }
  return tell(p.name || p.code, [[say("编号", "Code"), p.code], [say("类型", "Kind"), { valve: say("阀门", "Valve"), regulator_box: say("调压箱", "Regulator box") }[p.kind] ?? p.kind], [say("片区", "Area"), area.querySelector(`[value="${p.area_id}"]`)?.textContent]]);
}
const CLICKED = ["hazards", "works", "vehicles", "stations", "valves", "boxes", ...Object.keys(LEVELS).reverse().map((level) => `pipes:${level}`)];
const at = (point, reach) => map.queryRenderedFeatures([[point.x - reach, point.y - reach], [point.x + reach, point.y + reach]], { layers: CLICKED });
let measuring = null;
map.on("click", (event) => {
  if (measuring) return measureTo([event.lngLat.lng, event.lngLat.lat]);
  const found = at(event.point, 5).sort((a, b) => CLICKED.indexOf(a.layer.id) - CLICKED.indexOf(b.layer.id));
  if (found.length) tellFeature(found[0]); else hush();
});
map.on("mousemove", (event) => { map.getCanvas().style.cursor = measuring ? "crosshair" : at(event.point, 4).length ? "pointer" : ""; });

// Measuring along clicks; Esc ends it.
const measureButton = one("[data-measure]");
function measureTo(point) {
  measuring.push(point);
  const features = [...measuring.map((coordinates) => ({ type: "Feature", geometry: { type: "Point", coordinates }, properties: {} }))];
  if (measuring.length > 1) features.push({ type: "Feature", geometry: { type: "LineString", coordinates: measuring }, properties: {} });
  map.getSource("measure").setData({ type: "FeatureCollection", features });
  one("#measured").textContent = km(measuring.slice(1).reduce((sum, to, i) => sum + distance(measuring[i], to), 0));
}
function measure(on) {
  measuring = on ? [] : null;
  measureButton.setAttribute("aria-pressed", String(on));
  one("#measured").hidden = !on;
  one("#measured").textContent = say("在地图上点选，Esc 结束", "Click on the map; Esc ends");
  map.getSource("measure").setData(EMPTY);
}
measureButton.addEventListener("click", () => measure(!measuring));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") { if (measuring) measure(false); else hush(); } });
all("[data-zoom]").forEach((button) => button.addEventListener("click", () => map.zoomTo(map.getZoom() + Number(button.dataset.zoom))));
one("[data-fit]").addEventListener("click", fit);

// 待处理: a click locates; tabs filter.
const todo = one("#todo");
let tab = "all";
function filterTodo() {
  all("[data-tab]", todo).forEach((button) => button.setAttribute("aria-selected", String(button.dataset.tab === tab)));
  all("li[data-kind]", todo).forEach((item) => { item.hidden = tab !== "all" && item.dataset.kind !== tab; });
  all("[data-group]", todo).forEach((head) => { head.hidden = !all("li:not([hidden])", head.nextElementSibling).length; });
}
todo.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tab]"), item = event.target.closest("li[data-lon]");
  if (button) { tab = button.dataset.tab; filterTodo(); }
  if (!item || event.target.closest("a")) return;
  all("li", todo).forEach((other) => other.setAttribute("aria-selected", String(other === item)));
  const centre = [Number(item.dataset.lon), Number(item.dataset.lat)];
  map.flyTo({ center: centre, zoom: Math.max(map.getZoom(), 16), duration: 600 });
  const shown = findings.features.find((f) => f.properties.id === item.dataset.show);
  if (shown) tellFeature({ properties: { ...shown.properties, rows: JSON.stringify(shown.properties.rows) } });
});
document.body.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === todo) filterTodo(); });

await showNetwork();
await Promise.all(Object.values(loads).map((run) => run()));
const wanted = new URLSearchParams(location.search);
if (wanted.has("lon")) map.jumpTo({ center: [Number(wanted.get("lon")), Number(wanted.get("lat"))], zoom: 17 });
frame.dataset.ready = "yes";
