import assert from "node:assert/strict";
import { test } from "node:test";
import { diffed, SMALL, sideOfEstate, sideOfTexts } from "../../fixtures/diffed.ts";
import { estateWith } from "../../fixtures/reference.ts";
import { parseFlows } from "./flow-parse.ts";
import { bothFamilies, EVERYTHING_OF } from "./flow-words.ts";

test("everything is said of both families alone, and read as it is said", () => {
  const [four, six] = [[EVERYTHING_OF[4]], [EVERYTHING_OF[6]]];
  assert.deepEqual(bothFamilies({ 4: four, 6: six }), ["everything"]);
  assert.deepEqual(bothFamilies({ 4: four, 6: ["tcp 80"] }), ["everything of IPv4", "tcp 80, IPv6 only"]);
  assert.deepEqual(bothFamilies({ 4: [], 6: six }), ["everything of IPv6"]);
  assert.deepEqual(parseFlows("everything")?.conditions, { 4: {}, 6: {} });
  assert.deepEqual(parseFlows("everything of IPv4")?.conditions, { 4: {} });
  assert.deepEqual(parseFlows("everything of IPv6")?.conditions, { 6: {} });
  assert.equal(parseFlows("everything of IPv5"), undefined);
});

test("a changed option has the name of the file that it stands in", () => {
  const base = sideOfEstate(estateWith(() => {}));
  const head = sideOfEstate(
    estateWith(({ lxc }) => {
      lxc.lxc_configs["101"].firewall.enabled = false;
    }),
  );
  const causes = diffed(base, head).groups.flatMap((group) => group.causes);
  const told = causes.filter(({ position }) => position?.pointer.endsWith("/enabled"));
  assert.deepEqual(
    [...new Set(told.map(({ side, text }) => `${side} ${text}`))],
    ["head the firewall of guest 101 is off", "base enabled: true"],
  );
});

test("places stand in order: the world, the host, guests by number", () => {
  const conf = (byte: number) =>
    `net0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:00:01:${byte.toString(16)},ip=10.0.0.${byte}/24,firewall=1\n`;
  const texts = {
    ...SMALL,
    "1000.conf": conf(20),
    "201.conf": conf(21),
    "99999.conf": conf(22),
  };
  const closed = "[OPTIONS]\nenable: 1\n";
  const opened = `${closed}[RULES]\nIN ACCEPT -p tcp -dport 80\n`;
  const all = Object.fromEntries([101, 102, 201, 1000, 99999].map((id) => [`${id}.fw`, closed]));
  const some = { "102.fw": opened, "1000.fw": opened };
  const { groups } = diffed(sideOfTexts({ ...texts, ...all }), sideOfTexts({ ...texts, ...all, ...some }));
  assert.ok(groups.length > 0);
  const order = ["wan", "lan", "host", "101", "102", "201", "1000", "99999"];
  for (const { from, to } of groups)
    for (const ends of [from, to]) {
      const ids = ends.map(({ id }) => id);
      assert.deepEqual(
        ids,
        order.filter((id) => ids.includes(id)),
      );
    }
});
