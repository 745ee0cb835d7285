import assert from "node:assert/strict";
import { test } from "node:test";
import { sideOfEstate } from "../../fixtures/diffed.ts";
import { estateWith, type Files } from "../../fixtures/reference.ts";
import { declaredChanges } from "./declared.ts";

interface HostFile {
  readonly network: { readonly interfaces: { address: string; gateway: string } };
}

const hostIn = (files: Files) => (files.host as HostFile).network.interfaces;

const ROWS: readonly (readonly [string, (files: Files) => void, readonly string[]])[] = [
  [
    "a guest that asks another name server",
    ({ lxc }) => (lxc.lxc_configs["801"].network_config.nameservers = "10.0.0.99"),
    ["guest 801: name servers 10.0.0.13 -> 10.0.0.99"],
  ],
  [
    "a guest that names none",
    ({ lxc }) => delete lxc.lxc_configs["801"].network_config.nameservers,
    ["guest 801: name servers 10.0.0.13 -> none named"],
  ],
  [
    "another gateway",
    (files) => (hostIn(files).gateway = "10.0.0.2"),
    ["host the host: gateway 10.0.0.1 -> 10.0.0.2"],
  ],
  [
    "another address of the host",
    (files) => (hostIn(files).address = "10.0.0.14/24"),
    ["host the host: address 10.0.0.13 -> 10.0.0.14"],
  ],
];

for (const [title, change, expected] of ROWS)
  test(`${title} is told`, () => {
    const changes = declaredChanges(
      sideOfEstate(estateWith(() => undefined)),
      sideOfEstate(estateWith(change)),
    );
    assert.deepEqual(
      changes.map(({ topic, subject, detail }) => `${topic} ${subject}: ${detail}`),
      expected,
    );
  });
