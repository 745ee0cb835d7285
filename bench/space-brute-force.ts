import fc from "fast-check";
import { compare, GENERAL, type HeaderSpace, PHOENIX } from "../fixtures/brute-force.ts";
import { generalNode } from "../fixtures/general-node.ts";
import { randomEstate } from "../fixtures/random-estate.ts";
import { randomFiles } from "../fixtures/random-node.ts";
import { type Node, nodeOf } from "../policy/proxmox/node.ts";
import { NodeSpace } from "../policy/space/node-space.ts";

/** Of so many random estates of each kind of files, how many packets the model and the sets decide differently. */
export function bruteForce(estates: number): number {
  const seed = Date.now() % 2 ** 31;
  const kinds: readonly (readonly [string, fc.Arbitrary<Node>, HeaderSpace])[] = [
    ["Proxmox's files", randomFiles.map(generalNode), GENERAL],
    ["Phoenix JSON", randomEstate.map((estate) => nodeOf(estate)), PHOENIX],
  ];
  let wrong = 0;
  for (const [words, nodes, space] of kinds) {
    let packets = 0;
    let different = 0;
    const start = performance.now();
    for (const node of fc.sample(nodes, { numRuns: estates, seed })) {
      const { asked, disagreements } = compare(node, new NodeSpace(node), space, 7);
      packets += asked;
      different += disagreements.length;
      for (const each of disagreements.slice(0, 3)) console.error(each);
    }
    const seconds = (performance.now() - start) / 1000;
    wrong += different;
    console.log(
      `${words}: ${packets.toLocaleString("en")} packets of ${estates} estates, ${different} disagreements, ${seconds.toFixed(0)} s (seed ${seed})`,
    );
  }
  return wrong;
}
