// The network on a map, for every page that shows one: base, pipes by pressure level, facilities, and shapes drawn here.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const EMPTY = { type: "FeatureCollection", features: [] };
// Colour, width and line style together say the pressure level: a colour alone is not seen by everybody.
export const LEVELS = {
  sub_high_a: { colour: "--subhigh", width: 5.5 },
  sub_high_b: { colour: "--subhigh", width: 4.5 },
  medium_a: { colour: "--mid-a", width: 3.5 },
  medium_b: { colour: "--mid-b", width: 3 },
  low: { colour: "--low", width: 2, dash: [3, 1.5] },
};

// Lines to single houses outnumber all else: from afar they must not drown the mains.
const FAINT_AFAR = ["interpolate", ["linear"], ["zoom"], 12.5, 0.25, 14.5, 0.45, 16, 1];
// House lines are many: from afar they must not hide the mains that they hang on.
const THIN_AFAR = ["interpolate", ["linear"], ["zoom"], 12, 0.4, 14.5, 0.9, 16, 2, 19, 3.6];

export const load = async (address) => {
  const answer = await fetch(address, { headers: { Accept: "application/json, application/geo+json" } });
  if (answer.status === 401) location.reload();
  return answer.ok ? answer.json() : null;
};

const byZoom = (px) => ["interpolate", ["exponential", 1.4], ["zoom"], 11, px * 0.35, 14, px * 0.75, 16, px, 19, px * 1.8];
// A street is drawn as wide as it is, but never too thin to be seen as one.
const street = (m, least) => ["interpolate", ["exponential", 2], ["zoom"], 11, least * 0.5, 13.5, least, 15, Math.max(least, m * 0.62), 20, m * 19];

export async function makeMap(frame, container) {
  const { Map: GlMap, setWorkerUrl, addProtocol, ...rest } = await import(frame.dataset.maplibre);
  setWorkerUrl(new URL(frame.dataset.worker, location).href);
  const base = frame.dataset.base ? JSON.parse(frame.dataset.base) : null;
  const style = { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": css("--m-land") } }] };
  if (base?.local) await addLocalBase(style, frame, addProtocol, base.local === "vector");
  else base?.layers.forEach((tiles, i) => addRaster(style, `base-${i}`, { tiles, tileSize: 256, maxzoom: 18, attribution: base.attribution ?? "" }));
  const map = new GlMap({ container, style, center: [126.35, 43.2], zoom: 13, maxZoom: 20, attributionControl: base?.attribution ? { compact: false } : false, dragRotate: false, pitchWithRotate: false, fadeDuration: 0 });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.on("error", (event) => { if (String(event.sourceId ?? "").startsWith("base")) sayOnce(frame); });
  // Not "load", which waits for every tile of the base: a slow service must not hold back the network.
  await new Promise((ready) => { map.once("style.load", ready); });
  for (const [name, image] of Object.entries(drawn())) map.addImage(name, image, { pixelRatio: 2 });
  return { map, gl: { ...rest, Map: GlMap }, plain: !base };
}

// A base that does not come must not be taken for a town without streets; the network is drawn all the same.
function sayOnce(frame) {
  if (frame.querySelector(".no-base")) return;
  const said = Object.assign(document.createElement("p"), { className: "no-base float", role: "status" });
  said.textContent = document.documentElement.lang === "en" ? "The base map does not load; the network is complete." : "底图没有加载出来，管网照常显示。";
  frame.append(said);
}

const isDark = () => {
  const { theme } = document.documentElement.dataset;
  return theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
};

// Printed maps are light: in the dark they are dimmed, so that pipes still stand out.
function addRaster(style, id, source) {
  style.sources[id] = { type: "raster", ...source };
  style.layers.push({ id, type: "raster", source: id, paint: isDark() ? { "raster-brightness-max": 0.5, "raster-saturation": -0.4 } : {} });
}

async function addLocalBase(style, frame, addProtocol, vector) {
  if (!window.pmtiles) await new Promise((ready, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: frame.dataset.pmtiles, onload: ready, onerror: failed });
    document.head.append(script);
  });
  const protocol = new window.pmtiles.Protocol();
  const address = new URL("/basemap.pmtiles", location).href;
  protocol.add(new window.pmtiles.PMTiles(address));
  addProtocol("pmtiles", protocol.tile);
  if (!vector) { addRaster(style, "base", { url: `pmtiles://${address}`, tileSize: 256 }); return; }
  style.sources.base = { type: "vector", url: `pmtiles://${address}` };
  // Layers as OpenMapTiles and Protomaps name them; those that the file lacks draw nothing.
  const fill = (id, layer, colour) => style.layers.push({ id, type: "fill", source: "base", "source-layer": layer, paint: { "fill-color": css(colour) } });
  for (const layer of ["landuse", "landcover"]) fill(`base-${layer}`, layer, "--m-wood");
  fill("base-water", "water", "--m-water");
  for (const layer of ["buildings", "building"]) fill(`base-${layer}`, layer, "--m-house");
  for (const layer of ["roads", "transportation"]) style.layers.push({ id: `base-${layer}`, type: "line", source: "base", "source-layer": layer, paint: { "line-color": css("--m-road"), "line-width": byZoom(6) } });
}

// Icons of the map, drawn at twice their size.
function drawn() {
  const paint = (size, draw) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size * 2;
    const pen = canvas.getContext("2d");
    pen.scale(2, 2);
    pen.lineJoin = "round";
    draw(pen, size);
    return pen.getImageData(0, 0, size * 2, size * 2);
  };
  const surface = css("--surface"), ink2 = css("--ink-2"), danger = css("--danger"), warn = css("--warn");
  const path = (pen, points) => { pen.beginPath(); points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y))); pen.closePath(); };
  const letter = (pen, text, x, y, size, colour) => { pen.fillStyle = colour; pen.font = `700 ${size}px sans-serif`; pen.textAlign = "center"; pen.fillText(text, x, y); };
  const triangle = (fill, edge, mark) => paint(26, (pen) => {
    path(pen, [[13, 2.5], [24, 22.5], [2, 22.5]]);
    pen.lineWidth = 4; pen.strokeStyle = surface; pen.stroke();
    pen.fillStyle = fill; pen.fill();
    if (edge) { pen.lineWidth = 2; pen.strokeStyle = edge; pen.stroke(); }
    letter(pen, "!", 13, 20, 14, mark);
  });
  return {
    valve: paint(18, (pen) => {
      path(pen, [[2, 4], [16, 14], [16, 4], [2, 14]]);
      pen.fillStyle = surface; pen.fill(); pen.lineWidth = 1.5; pen.strokeStyle = ink2; pen.stroke();
    }),
    box: paint(18, (pen) => {
      pen.beginPath(); pen.roundRect(2, 2, 14, 14, 2);
      pen.fillStyle = surface; pen.fill(); pen.lineWidth = 1.5; pen.strokeStyle = ink2; pen.stroke();
      letter(pen, "R", 9, 12.7, 10, ink2);
    }),
    other: paint(12, (pen) => { pen.beginPath(); pen.arc(6, 6, 3.5, 0, 7); pen.fillStyle = surface; pen.fill(); pen.lineWidth = 1.5; pen.strokeStyle = ink2; pen.stroke(); }),
    station: paint(26, (pen) => {
      path(pen, [[13, 2], [24, 11], [24, 24], [2, 24], [2, 11]]);
      pen.lineWidth = 4; pen.strokeStyle = surface; pen.stroke();
      pen.fillStyle = css("--primary"); pen.fill();
      // A cylinder: a letter would need a Chinese font in the canvas.
      pen.fillStyle = surface;
      pen.beginPath(); pen.roundRect(9, 12, 8, 10, 2.5); pen.fill();
      pen.fillRect(11.5, 9.5, 3, 2);
    }),
    vehicle: paint(26, (pen) => {
      path(pen, [[1, 6], [16, 6], [16, 10], [21, 10], [25, 15], [25, 20], [1, 20]]);
      pen.lineWidth = 4; pen.strokeStyle = surface; pen.stroke();
      pen.fillStyle = css("--primary"); pen.fill();
      for (const x of [7, 19]) { pen.beginPath(); pen.arc(x, 20, 3, 0, 7); pen.fillStyle = surface; pen.fill(); pen.lineWidth = 1.5; pen.strokeStyle = css("--primary"); pen.stroke(); }
    }),
    "hazard-major": triangle(danger, "", surface),
    "hazard-leak": triangle(danger, "", surface),
    "hazard-serious": triangle(warn, "", surface),
    "hazard-general": triangle(surface, warn, warn),
    works: paint(24, (pen) => {
      const square = () => { pen.beginPath(); pen.roundRect(3, 3, 18, 18, 2); };
      square(); pen.lineWidth = 5; pen.strokeStyle = surface; pen.stroke();
      pen.fillStyle = surface; pen.fill();
      pen.save(); pen.clip(); pen.lineWidth = 1.8; pen.strokeStyle = warn;
      for (let x = -18; x < 24; x += 6) { pen.beginPath(); pen.moveTo(x, 24); pen.lineTo(x + 24, 0); pen.stroke(); }
      pen.restore(); square(); pen.lineWidth = 2; pen.strokeStyle = warn; pen.stroke();
    }),
    point: paint(22, (pen) => { pen.beginPath(); pen.arc(11, 11, 8, 0, 7); pen.fillStyle = css("--primary"); pen.fill(); pen.lineWidth = 2.5; pen.strokeStyle = surface; pen.stroke(); }),
    dot: paint(6, (pen) => { pen.beginPath(); pen.arc(3, 3, 1.6, 0, 7); pen.fillStyle = css("--ink"); pen.fill(); }),
  };
}

export function addNetwork(map, plain) {
  map.addSource("pipes", { type: "geojson", data: EMPTY, promoteId: "id" });
  map.addSource("facilities", { type: "geojson", data: EMPTY, promoteId: "id" });
  const round = { "line-cap": "round", "line-join": "round" };
  if (plain) {
    // Gas pipes lie in streets: a light band along them draws the town where there is no base map.
    for (const [id, colour, width, least] of [["street-edge", "--m-edge", 17, 11], ["street", "--m-road", 14, 9]]) {
      map.addLayer({ id, type: "line", source: "pipes", filter: ["!=", ["get", "pressure_level"], "low"], layout: round, paint: { "line-color": css(colour), "line-width": street(width, least) } });
    }
    map.addLayer({ id: "lane", type: "line", source: "pipes", minzoom: 14, filter: ["==", ["get", "pressure_level"], "low"], layout: round, paint: { "line-color": css("--m-road"), "line-width": street(7, 5) } }, "street");
  }
  for (const level of ["low", "medium_b", "medium_a", "sub_high_b", "sub_high_a"]) {
    const { colour, width, dash } = LEVELS[level];
    map.addLayer({ id: `pipes:${level}`, type: "line", source: "pipes", filter: ["==", ["get", "pressure_level"], level], layout: dash ? { "line-join": "round" } : round, paint: { "line-color": css(colour), "line-width": dash ? THIN_AFAR : byZoom(width), ...(dash ? { "line-dasharray": dash, "line-opacity": FAINT_AFAR } : {}) } });
  }
  const shape = (id, kind, image, minzoom, size) => map.addLayer({ id, type: "symbol", source: "facilities", minzoom, filter: ["in", ["get", "kind"], ["literal", kind]], layout: { "icon-image": image, "icon-allow-overlap": true, "icon-size": ["interpolate", ["linear"], ["zoom"], minzoom, size * 0.7, 17, size] } });
  shape("valves", ["valve", "valve_chamber"], "valve", 14.6, 0.95);
  shape("boxes", ["regulator_box", "regulator_cabinet", "regulating_station"], "box", 13.6, 0.95);
}

export function boundsOf(features, gl) {
  const bounds = new gl.LngLatBounds();
  const reach = (coordinates) => (typeof coordinates[0] === "number" ? bounds.extend(coordinates) : coordinates.forEach(reach));
  features.forEach((feature) => feature.geometry && reach(feature.geometry.coordinates));
  return bounds;
}

export const distance = ([lon1, lat1], [lon2, lat2]) => {
  const rad = Math.PI / 180, a = Math.sin(((lat2 - lat1) * rad) / 2) ** 2 + Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(((lon2 - lon1) * rad) / 2) ** 2;
  return 12742017.6 * Math.asin(Math.sqrt(a));
};
export const km = (m) => (m >= 1000 ? `${(m / 1000).toFixed(1)} km` : `${Math.round(m)} m`);
export const token = css;
