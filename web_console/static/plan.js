// A new plan: the area and levels on the map, and check points placed by a click.
const frame = document.querySelector("#map");
const { EMPTY, addNetwork, boundsOf, load, makeMap, token } = await import(frame.dataset.layers);
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const { map, gl, plain } = await makeMap(frame, "canvas");
window.qixunMap = map;
addNetwork(map, plain);
for (const name of ["areas", "picked"]) map.addSource(name, { type: "geojson", data: EMPTY, promoteId: "id" });
const form = one("#plan"), area = form.elements.area_id;
map.addLayer({ id: "areas", type: "fill", source: "areas", paint: { "fill-color": token("--primary"), "fill-opacity": 0.02 } }, "pipes:low");
map.addLayer({ id: "area-chosen", type: "fill", source: "areas", filter: ["==", ["get", "id"], ""], paint: { "fill-color": token("--primary"), "fill-opacity": 0.12 } }, "pipes:low");
map.addLayer({ id: "area-edges", type: "line", source: "areas", paint: { "line-color": token("--primary"), "line-width": 1.5, "line-dasharray": [4, 3] } }, "pipes:low");
map.addLayer({ id: "picked", type: "line", source: "picked", layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": token("--gas"), "line-width": 12, "line-opacity": 0.6 } }, "pipes:low");
const [pipes, areas, facilities] = await Promise.all([load("/api/network/pipes.geojson"), load("/api/network/areas.geojson"), load("/api/network/facilities.geojson")]).then((found) => found.map((part) => part ?? EMPTY));
map.getSource("pipes").setData(pipes);
map.getSource("areas").setData(areas);
map.getSource("facilities").setData(facilities);
if (pipes.features.length) map.fitBounds(boundsOf(pipes.features, gl), { padding: 48, duration: 0 });

function pick({ fit = false } = {}) {
  const levels = new Set(all("[name=pressure_levels]:checked").map((box) => box.value));
  const picked = pipes.features.filter(({ properties: p }) => p.area_id === area.value && levels.has(p.pressure_level));
  map.setFilter("area-chosen", ["==", ["get", "id"], area.value]);
  map.getSource("picked").setData({ ...EMPTY, features: picked });
  const shown = pipes.features.filter((pipe) => pipe.properties.area_id === area.value);
  if (fit && shown.length) map.fitBounds(boundsOf(shown, gl), { padding: 56 });
}
area.addEventListener("change", () => pick({ fit: true }));
all("[name=pressure_levels]").forEach((box) => box.addEventListener("change", () => pick()));

// Check points: a click near a facility takes its place and name.
const points = [], place = one("#place");
let placing = false;
place.addEventListener("click", () => { placing = !placing; place.setAttribute("aria-pressed", String(placing)); map.getCanvas().style.cursor = placing ? "crosshair" : ""; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && placing) place.click(); });
map.on("click", (event) => {
  if (placing) return add(event);
  const found = map.queryRenderedFeatures(event.point, { layers: ["areas"] })[0];
  if (!found) return;
  area.value = found.properties.id;
  area.dispatchEvent(new Event("change", { bubbles: true }));
});
function add(event) {
  const near = map.queryRenderedFeatures([[event.point.x - 8, event.point.y - 8], [event.point.x + 8, event.point.y + 8]], { layers: ["valves", "boxes"] })[0];
  const [lon, lat] = near ? near.geometry.coordinates : [event.lngLat.lng, event.lngLat.lat];
  const row = one("#point-row").content.firstElementChild.cloneNode(true);
  const mark = document.createElement("span");
  mark.className = "check-point";
  const point = { row, lon: Number(lon.toFixed(7)), lat: Number(lat.toFixed(7)), marker: new gl.Marker({ element: mark, draggable: true }).setLngLat([lon, lat]).addTo(map) };
  point.marker.on("dragend", () => { const at = point.marker.getLngLat(); point.lon = Number(at.lng.toFixed(7)); point.lat = Number(at.lat.toFixed(7)); write(); });
  one("[data-field=name]", row).value = near?.properties.name || near?.properties.code || `${document.documentElement.lang === "en" ? "Point" : "检查点"} ${points.length + 1}`;
  one("[data-remove]", row).addEventListener("click", () => { points.splice(points.indexOf(point), 1); point.marker.remove(); row.remove(); write(); });
  row.addEventListener("input", write);
  points.push(point);
  one("#points").append(row);
  write();
}
function write() {
  const told = points.map(({ row, lon, lat }, i) => {
    const value = (name) => one(`[data-field=${name}]`, row).value;
    one("[data-field=code]", row).hidden = value("proof") === "gps";
    return { lon, lat, name: value("name"), proof: value("proof"), code: value("proof") === "gps" ? "" : value("code"), radius_m: Number(value("radius_m")), dwell_s: Number(value("dwell_s")) };
  });
  points.forEach(({ row, marker }, i) => { one(".check-point", row).textContent = marker.getElement().textContent = String(i + 1); });
  form.elements.check_points.value = JSON.stringify(told);
  one("#no-points").hidden = points.length > 0;
  const count = one("#point-count");
  if (count) count.textContent = String(points.length);
}
document.body.addEventListener("htmx:afterSwap", write);
all("[name=kind]").forEach((radio) => radio.addEventListener("change", () => { one("#weekdays").hidden = form.elements.kind.value !== "weekdays"; }));
all("[name=mode]").forEach((radio) => radio.addEventListener("change", () => { form.elements.max_speed_mps.value = radio.dataset.speed; }));
// A name is proposed until somebody writes one.
let named = false;
form.elements.name.addEventListener("input", () => { named = true; });
form.addEventListener("change", () => {
  if (named || !area.value) return;
  const words = all("[name=pressure_levels]:checked").map((box) => box.closest("label").textContent.trim());
  form.elements.name.value = [area.selectedOptions[0].textContent.replace(/（.*$/, "").replace("片区", ""), ...words].join(" ");
});
frame.dataset.ready = "yes";
