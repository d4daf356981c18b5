// PouchDB 9 as a peer: `node pouchdb_peer.js MODULE_FOLDER` answers one JSON line for each JSON line on standard input.
"use strict";

const readline = require("node:readline");
const PouchDB = require(process.argv[2]);

const databases = new Map();
const lives = new Map();
// A cut link is tried again soon: the default waits seconds.
const patience = { retry: true, back_off_function: () => 100 };

function replication(local, { way, hub, options = {} }) {
  const remote = new PouchDB(hub, { skip_setup: true });
  if (way === "push") return local.replicate.to(remote, options);
  if (way === "pull") return local.replicate.from(remote, options);
  return local.sync(remote, options);
}

async function leaves(local) {
  const { results } = await local.changes({ since: 0, style: "all_docs" });
  const found = [];
  for (const row of results) {
    const revs = row.changes.map((change) => change.rev);
    for (const got of await local.get(row.id, { open_revs: revs, revs: true, attachments: true })) {
      if (!got.ok) throw new Error(`${row.id}: ${JSON.stringify(got)}`);
      found.push(got.ok);
    }
  }
  return found;
}

async function refused(results) {
  return (await results).filter((result) => result.error);
}

const operations = {
  open: async (_, { db, folder }) => void databases.set(db, new PouchDB(folder)),
  edit: async (local, { docs }) => refused(local.bulkDocs(docs)),
  write: async (local, { docs }) => refused(local.bulkDocs(docs, { new_edits: false })),
  winner: async (local, { id }) => (await local.get(id, { conflicts: true }))._rev,
  rev: async (local, { id }) => (await local.get(id))._rev,
  leaves,
  exchange: async (local, request) => {
    const done = await replication(local, request);
    const parts = request.way === "both" ? [done.push, done.pull] : [done];
    if (parts.some((part) => !part.ok || part.doc_write_failures || part.errors.length)) {
      throw new Error(JSON.stringify(done));
    }
    return parts.reduce((sum, part) => sum + part.docs_written, 0);
  },
  live: async (local, { db, ...request }) => {
    const options = { live: true, ...patience };
    const live = replication(local, { ...request, options });
    live.on("error", () => {});
    lives.set(db, live);
  },
  end: async (_, { db }) => {
    const live = lives.get(db);
    lives.delete(db);
    const over = new Promise((resolve) => live.on("complete", resolve));
    live.cancel();
    await over;
  },
  close: async (local, { db }) => {
    databases.delete(db);
    await local.destroy();
  },
};

async function answer(line) {
  const request = JSON.parse(line);
  try {
    const value = await operations[request.op](databases.get(request.db), request);
    return { n: request.n, value: value === undefined ? null : value };
  } catch (error) {
    return { n: request.n, error: `${error.name || ""} ${error.message || ""} ${error.stack || JSON.stringify(error)}` };
  }
}

// A broken link also ends promises inside PouchDB that nobody waits for; what matters is told by the replication.
process.on("unhandledRejection", (error) => console.error("PouchDB:", error));

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}).on("close", () => process.exit(0));
