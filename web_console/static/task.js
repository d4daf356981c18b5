// One task: the assigned pipe, what was covered of it, the track and the check points.
const frame = document.querySelector("#map");
const { EMPTY, addNetwork, boundsOf, load, makeMap, token } = await import(frame.dataset.layers);
const { map, gl, plain } = await makeMap(frame, "canvas");
window.qixunMap = map;
addNetwork(map, plain);
for (const id of ["low", "medium_b", "medium_a", "sub_high_b", "sub_high_a"]) map.setPaintProperty(`pipes:${id}`, "line-opacity", 0.45);
for (const name of ["assigned", "walked", "tracks", "points"]) map.addSource(name, { type: "geojson", data: EMPTY });
const round = { "line-cap": "round", "line-join": "round" };
map.addLayer({ id: "assigned-edge", type: "line", source: "assigned", layout: round, paint: { "line-color": token("--surface"), "line-width": 9 } });
map.addLayer({ id: "assigned", type: "line", source: "assigned", layout: round, paint: { "line-color": token("--danger"), "line-width": 5 } });
map.addLayer({ id: "walked", type: "line", source: "walked", layout: round, paint: { "line-color": token("--ok"), "line-width": 5.5 } });
map.addLayer({ id: "tracks", type: "line", source: "tracks", layout: round, paint: { "line-color": token("--ink"), "line-width": 1.8, "line-dasharray": [0.1, 2.8] } });
const pipes = await load(`/api/network/pipes.geojson?area_id=${frame.dataset.area}`) ?? EMPTY;
map.getSource("pipes").setData(pipes);
let framed = false;
async function show() {
  const task = await load(`/tasks/${encodeURIComponent(frame.dataset.task)}/map.json`);
  if (!task) return;
  const ids = new Set(task.pipe_ids);
  const assigned = { ...EMPTY, features: pipes.features.filter((pipe) => ids.has(pipe.properties.id)) };
  map.getSource("assigned").setData(assigned);
  map.getSource("walked").setData(task.walked);
  map.getSource("tracks").setData(task.tracks);
  if (framed) return;
  framed = true;
  if (assigned.features.length) map.fitBounds(boundsOf(assigned.features, gl), { padding: 64, duration: 0, maxZoom: 17 });
  for (const point of task.points) {
    const mark = document.createElement("span");
    mark.className = "check-point";
    mark.textContent = point.order;
    mark.title = point.name;
    new gl.Marker({ element: mark }).setLngLat([point.lon, point.lat]).addTo(map);
  }
}
await show();
const ear = document.createElement("i");
ear.hidden = true;
for (const [name, value] of [["sse-swap", "patrols"], ["hx-swap", "none"]]) ear.setAttribute(name, value);
frame.append(ear);
window.htmx?.process(ear);
let soon;
document.body.addEventListener("htmx:sseMessage", (event) => { if (event.detail.type === "patrols") { clearTimeout(soon); soon = setTimeout(show, 800); } });
frame.dataset.ready = "yes";
