// Copyright (c) 2026, atlasops.access contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// With mongodb-atlas-api-client of npm: who is a member of the projects named, eight requests at a time, and with `remove`
// also the removals. It pages nothing by itself and takes an error for an answer, so the pages are asked for here, and
// what came back is looked at.
const fs = require("fs");
const connect = require("mongodb-atlas-api-client");

const [file, publicKey, privateKey, what] = process.argv.slice(2);
const baseUrl = `${process.env.MONGODB_ATLAS_BASE_URL}/api/atlas/v2`;
const CONNECTIONS = 8;
const PAGE = 500;
const version = (date) => ({ httpOptions: { headers: { Accept: `application/vnd.atlas.${date}+json` } } });
const client = connect({ publicKey, privateKey, baseUrl });

async function rows(ask, date) {
  const found = [];
  for (let pageNum = 1; ; pageNum += 1) {
    const body = await ask({ ...version(date), itemsPerPage: PAGE, pageNum });
    if (!body.results) throw new Error(JSON.stringify(body));
    found.push(...body.results);
    if (!body.links.some((link) => link.rel === "next")) return found;
  }
}

async function together(jobs) {
  const left = [...jobs];
  const worker = async () => {
    while (left.length) await left.shift()();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

async function main() {
  const { memberships } = JSON.parse(fs.readFileSync(file, "utf8"));
  const projects = await rows((options) => client.project.getAll(options), "2023-01-01");
  const ids = Object.fromEntries(projects.map((project) => [project.name, project.id]));
  const users = {};
  let count = 0;
  const list = (name) => async () => {
    // A client of its own for each project: the listing of members takes its project from there.
    const { atlasUser } = connect({ publicKey, privateKey, baseUrl, projectId: ids[name] });
    const members = await rows((options) => atlasUser.getAll(options), "2025-02-19");
    users[name] = Object.fromEntries(members.map((row) => [row.username, row.id]));
    count += members.length;
  };
  await together([...new Set(memberships.map((row) => row.project))].map(list));
  console.log("members:", count);
  if (what !== "remove") return;
  const remove = (row) => () =>
    client.project.removeUserFromProject(ids[row.project], users[row.project][row.user], version("2025-02-19"));
  await together(memberships.map(remove));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
