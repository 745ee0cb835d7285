import type { Line } from "../chain.ts";
import type { Family } from "../ip.ts";
import type { Pass } from "../passes.ts";
import { shapeOf } from "./shape.ts";

/** A hop without its declared rules, named by what is left: hops of which the same is left have one name. */
export function withoutRules(pass: Pass, family: Family): Pass {
  const left = pass.asks(family).map((asked) => ({ ...asked, lines: asked.lines.filter(isOwn) }));
  const own: Pass = { ...pass, asks: () => left };
  return { ...own, where: `without rules: ${shapeOf(own, family)}` };
}

/** One of Proxmox's own lines. */
function isOwn(line: Line): boolean {
  return line.kind !== "group" && (line.kind !== "match" || line.decider.kind !== "rule");
}
