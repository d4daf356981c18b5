// Where a cylinder was recorded, numbered from the oldest, with its way between; what contradicts is red.
const frame = document.querySelector("#map");
if (frame) await show();

async function show() {
  const { EMPTY, addNetwork, boundsOf, load, makeMap, token } = await import(frame.dataset.layers);
  const places = JSON.parse(frame.dataset.places);
  const { map, gl, plain } = await makeMap(frame, "canvas");
  window.qixunMap = map;
  addNetwork(map, plain);
  const point = (place) => [place.lon, place.lat];
  const line = (from, to) => ({ type: "Feature", properties: { bad: from.bad && to.bad }, geometry: { type: "LineString", coordinates: [point(from), point(to)] } });
  const way = { ...EMPTY, features: places.slice(1).map((place, i) => line(places[i], place)) };
  map.addSource("way", { type: "geojson", data: way });
  const drawn = (id, bad, colour, dash) => map.addLayer({ id, type: "line", source: "way", filter: ["==", ["get", "bad"], bad], layout: { "line-cap": "round" }, paint: { "line-color": token(colour), "line-width": 3, "line-dasharray": dash } });
  drawn("way", false, "--primary", [1.6, 1.6]);
  drawn("way-bad", true, "--danger", [0.4, 2]);
  const bounds = places.reduce((all, place) => all.extend(point(place)), new gl.LngLatBounds(point(places[0]), point(places[0])));
  map.fitBounds(bounds, { padding: 48, duration: 0, maxZoom: 16.5 });
  // Several at one spot stand beside each other, so that none hides another.
  const met = new Map();
  for (const place of places) {
    const spot = point(place).map((degrees) => degrees.toFixed(4)).join();
    const before = met.get(spot) ?? 0;
    met.set(spot, before + 1);
    const mark = document.createElement("span");
    mark.className = place.bad ? "way-mark bad" : "way-mark";
    mark.textContent = place.number;
    mark.title = `${place.time} ${place.word}`;
    new gl.Marker({ element: mark, offset: [before * 20, 0] }).setLngLat(point(place)).addTo(map);
  }
  if (plain && frame.dataset.network) {
    const { _sw: low, _ne: high } = map.getBounds();
    const box = [low.lng, low.lat, high.lng, high.lat].map((degrees) => degrees.toFixed(5)).join();
    const pipes = await load(`/api/network/pipes.geojson?bbox=${box}`);
    if (pipes) map.getSource("pipes").setData(pipes);
  }
  frame.dataset.ready = "yes";
}
