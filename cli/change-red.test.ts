/** A lab that is not what it is converged to, and rules that are away for a moment: CFG-002 and the prober of CFG-004 say so. */
import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { conclude, Observations } from "../audit/control.ts";
import { controlOf } from "../audit/controls.ts";
import { apply, componentsHere, programsOf, readLive } from "../converge/apply.ts";
import { desired } from "../converge/desired.ts";
import { networkPlan } from "../converge/network.ts";
import { plan } from "../converge/plan.ts";
import { labName } from "../fixtures/network-lab.ts";
import { REFERENCE } from "../fixtures/reference.ts";
import { disturbable } from "../fixtures/second-lab.ts";
import { windowFlows, WindowProber } from "../fixtures/trials/window-prober.ts";
import { writeLabFile } from "../lab/files.ts";
import { createLab } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { BOUND, readBack } from "../lab/waits.ts";
import { readEstate } from "../policy/read.ts";
import { Prober } from "../probes/observe.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const estate = readEstate(REFERENCE);

test(
  "rules that are away for a moment are seen, and their flows named; before that none",
  needsRoot,
  async () => {
    await using owned = await createLab(labName());
    const { lab } = owned;
    await using prober = new WindowProber(lab, windowFlows([estate]));
    await apply(lab, networkPlan(estate), {}, ({ resource }) => {
      if (resource.kind === "namespace") prober.open(resource.name);
    });
    const arrives = async () => ((await prober.read()).twinsArrived > 0 ? true : undefined);
    const made = await prober.read();
    assert.deepEqual(made.open, []);
    assert.ok(await readBack(arrives, BOUND.exchangeMs), "declared packets arrive: the prober has its way");
    assert.deepEqual((await prober.read()).open, []);
    await run(lab, "host", ["iptables-legacy", "-F", "INPUT"]);
    // A reading may fall into the first round after the flush: what it has so far is kept.
    const opened = new Set<string>();
    const known = await readBack(async () => {
      for (const name of (await prober.read()).open) opened.add(name);
      return opened.has("lan > host tcp/111") || undefined;
    }, BOUND.exchangeMs);
    assert.ok(known, [...opened].join(", "));
    assert.deepEqual(
      [...opened].filter((name) => !name.includes("> host ")),
      [],
      "of the guests' rules nothing was flushed",
    );
  },
);

test(
  "a route that no file declares stays in Traefik's folder: CFG-002 names it, and converge does not hide it",
  needsRoot,
  async () => {
    const programs = programsOf(await componentsHere());
    await using owned = await createLab(labName());
    const { lab } = owned;
    await apply(lab, plan(desired(estate), await readLive(lab)), programs);
    const route = {
      rule: "Host(`left.internal.thinkheads.ai`)",
      service: "left",
      entryPoints: ["websecure"],
      tls: {},
    };
    const service = { loadBalancer: { servers: [{ url: "http://10.0.0.141:3000" }] } };
    const left = { http: { routers: { left: route }, services: { left: service } } };
    writeLabFile(lab, "/run/phx/102/dynamic/left.yml", JSON.stringify(left));
    const prober = new Prober(disturbable(lab, estate, programs, "/tmp"));
    const control = controlOf("CFG-002");
    try {
      const seen = new Observations(await prober.observe(control.probes(estate)));
      const { result, checks } = conclude(control, estate, seen);
      assert.equal(result, "fail");
      const bad = checks.filter((check) => check.result !== "pass");
      assert.ok(bad.length > 0);
      assert.match(bad.map(({ reason }) => reason).join("; "), /left/);
    } finally {
      await prober.close();
    }
  },
);
