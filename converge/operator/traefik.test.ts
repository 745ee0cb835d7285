import assert from "node:assert/strict";
import { test } from "node:test";
import { meshStatic } from "../../policy/operator/traefik.ts";
import { withApi } from "./traefik.ts";

const OPEN = [{ name: "traefik", address: "127.0.0.1:8080", port: 8080 }];

const CASES = {
  "no api at all": 'entryPoints:\n  web:\n    address: ":443"\n',
  "an api that asks for authorization": "api:\n  dashboard: true\nentryPoints:\n  web: {address: ':443'}\n",
  "an api that says no": "api: {insecure: false}\nentryPoints: {web: {address: ':443'}}\n",
  "no entry point": "log:\n  level: INFO\n",
};

for (const [title, text] of Object.entries(CASES))
  test(`${title}: one on loopback is added, and every other byte stays`, () => {
    const made = withApi(text) ?? assert.fail("nothing made");
    const { apiPort, entryPoints } = meshStatic(made);
    assert.equal(apiPort, 8080);
    assert.deepEqual(
      entryPoints.filter(({ name }) => name === "traefik"),
      OPEN,
    );
    assert.deepEqual(
      entryPoints.filter(({ name }) => name === "web"),
      meshStatic(text).entryPoints,
    );
    const left = text.split("\n").filter((line) => !made.includes(line.trim()));
    assert.deepEqual(
      left.filter((line) => !/api|entryPoints/.test(line)),
      [],
    );
  });

test("what is no mapping stays as it is: Traefik says what is wrong with it", () => {
  assert.equal(withApi("a: ["), undefined);
  assert.equal(withApi("- a\n"), undefined);
});
