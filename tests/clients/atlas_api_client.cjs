// Copyright (c) 2026, atlasops.access contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// Prints what a few calls of mongodb-atlas-api-client make of the Atlas at BASE_URL, as one JSON object.
const connect = require("mongodb-atlas-api-client");

const { BASE_URL, PROJECT_ID, ORG_ID, USER_ID } = process.env;
const client = connect({
  publicKey: "smallkey",
  privateKey: "small-private-key",
  baseUrl: `${BASE_URL}/api/atlas/v2`,
  projectId: PROJECT_ID,
});
const version = (date) => ({ httpOptions: { headers: { Accept: `application/vnd.atlas.${date}+json` } } });

async function main() {
  const first = version("2023-01-01");
  const users = version("2025-02-19");
  const answers = {
    unversioned: await client.project.getAll(),
    organizations: await client.organization.getAll(first),
    organization: await client.organization.getById(ORG_ID, first),
    projects: await client.organization.getAllProjectsForOrganization(ORG_ID, first),
    orgUsers: await client.organization.getAllUsersForOrganization(ORG_ID, users),
    byName: await client.project.getByName("alpha", first),
    enveloped: await client.project.getById(PROJECT_ID, { ...first, envelope: true, pretty: true }),
    teams: await client.project.getTeamsByProjectId(PROJECT_ID, first),
    users: await client.atlasUser.getAll({ ...users, itemsPerPage: 2 }),
    nobody: await client.project.getById("0".repeat(24), first),
    removed: await client.project.removeUserFromProject(PROJECT_ID, USER_ID, users),
    left: await client.atlasUser.getAll(users),
    events: await client.event.getAll(first),
  };
  console.log(JSON.stringify(answers));
}

main();
