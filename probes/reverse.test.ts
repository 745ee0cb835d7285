import assert from "node:assert/strict";
import { test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { conntrackFill } from "../lab/conntrack.ts";
import { PacketEngine } from "./packets.ts";
import type { PacketProbe } from "./probe.ts";
import { forgetReverse } from "./reverse.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const ADDRESSES: Record<string, string> = { host: "10.0.0.13", "801": "10.0.0.141", "802": "10.0.0.142" };
const KEYS = ["ip/47", "ip/99", "ip/200", "sctp/0", "udplite/0", "dccp/0"];

function probe(from: string, to: string, keys: readonly string[]): PacketProbe {
  const [source = "", dest = ""] = [ADDRESSES[from], ADDRESSES[to]];
  return { kind: "packets", id: `${from} ${to}`, from, to, source, dest, forged: false, keys };
}

for (const [one, other] of [
  ["801", "802"],
  ["801", "host"],
] as const)
  test(
    `what ${one} sent to ${other} in vain opens no way back, where a protocol has no ports`,
    needsRoot,
    async () => {
      await using owned = await networkLab(estateWith(() => {}));
      const { lab } = owned;
      const engine = await PacketEngine.open(lab, Object.keys(ADDRESSES));
      for (const keys of [KEYS, ["tcp/1-9"]])
        assert.equal((await engine.observe(probe(one, other, keys))).captured, 0);
      const before = conntrackFill(lab, "host")?.count ?? 0;
      const back = probe(other, one, KEYS);
      forgetReverse(lab, back);
      const after = conntrackFill(lab, "host")?.count ?? 0;
      const seen = await engine.observe(back);
      engine.close();
      assert.deepEqual(Object.keys(seen.outcomes), ["dropped"]);
      // Of three protocols with ports it depends on the kernel whether it knows them.
      if (other === "802") assert.ok(before - after >= 3 && after >= 9, `${before} tracked, then ${after}`);
    },
  );
