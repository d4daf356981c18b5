// PouchDB's side of a measurement: `node client.js push|pull HUB DATABASE FOLDER DOCUMENTS_FILE BATCH_SIZE`.
// It does what qixun/bench/client.py does and writes the same JSON line.
"use strict";

const fs = require("node:fs");
const PouchDB = require("pouchdb");

const [way, hub, name, folder, documents, batchSize] = process.argv.slice(2);
const options = { batch_size: Number(batchSize) };

async function sync(local, ways) {
  let requests = 0;
  const begun = process.hrtime.bigint();
  const remote = new PouchDB(`${hub}/${name}`, {
    skip_setup: true,
    fetch(url, settings) {
      requests += 1;
      return PouchDB.fetch(url, settings);
    },
  });
  let moved = 0;
  for (const one of ways) {
    const done = await (one === "push"
      ? local.replicate.to(remote, options)
      : local.replicate.from(remote, options));
    if (!done.ok || done.doc_write_failures) throw new Error(JSON.stringify(done));
    moved += done.docs_written;
  }
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  await remote.close();
  return { seconds, documents: moved, requests };
}

async function keep(local) {
  const all = fs.readFileSync(documents, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  for (let at = 0; at < all.length; at += 1000) {
    for (const result of await local.bulkDocs(all.slice(at, at + 1000))) {
      if (result.error) throw new Error(JSON.stringify(result));
    }
  }
}

// As in client.py: Linux counts the starting process's size into resourceUsage().maxRSS.
function peakMib() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS / 1024;
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
}

async function main() {
  const local = new PouchDB(folder);
  if (way === "push") await keep(local);
  const moved = await sync(local, [way]);
  const ways = way === "push" ? ["push", "pull"] : ["pull"];
  if (way === "push") await sync(local, ways);
  const nothing_new = await sync(local, ways);
  await local.close();
  console.log(JSON.stringify({ moved, nothing_new, peak_mib: peakMib() }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
