// Where the inspector stands goes with the scan; without a position the scan is kept all the same.
const form = document.querySelector("#market-form");
const where = document.querySelector("#where");
const en = document.documentElement.lang === "en";
const say = (zh, english) => { where.textContent = en ? english : zh; };
if (!("geolocation" in navigator)) say("这台设备没有定位", "This device has no positioning");
else navigator.geolocation.getCurrentPosition(
  ({ coords }) => {
    form.elements.lon.value = coords.longitude;
    form.elements.lat.value = coords.latitude;
    form.elements.accuracy_m.value = Math.min(coords.accuracy, 100000);
    say(`位置已取得，精度 ${Math.round(coords.accuracy)} 米`, `Position known to ${Math.round(coords.accuracy)} m`);
  },
  () => say("没有取得位置，核查照常保存", "No position; the scan is kept without it"),
  { enableHighAccuracy: true, timeout: 15000 },
);
