import type { Estate } from "../policy/estate.ts";
import { operatorMistakes } from "../policy/operator/mistakes.ts";
import { filesOf, SERVER_NAMES, SERVERS } from "../policy/operator/operator.ts";
import { proveAll } from "../policy/prove/all.ts";
import type { Proof } from "../policy/prove/proof.ts";
import { counted } from "../reports/text.ts";

const FILES = "the operator's own files";

/**
 * What files alone decide of each control, the servers' own files too: those can break a control, and what they do not say
 * wrong proves none, so that a control which nothing else decides stands here only where they break it.
 */
export function proofsOf(estate: Estate): readonly Proof[] {
  const proofs = proveAll(estate);
  const broken = Map.groupBy(operatorMistakes(estate), ({ control }) => control);
  const decided = proofs.map((proof) => {
    const own = (broken.get(proof.control) ?? []).map(violationOf);
    broken.delete(proof.control);
    return own.length === 0
      ? proof
      : { ...proof, space: `${proof.space}, and ${FILES}`, violations: [...proof.violations, ...own] };
  });
  const alone = [...broken].map(
    ([control, own]): Proof => ({
      control,
      statement: `Nothing that ${FILES} say breaks it.`,
      space: FILES,
      violations: own.map(violationOf),
      notes: [],
    }),
  );
  return [...decided, ...alone];
}

function violationOf({ position, message, remedy }: ReturnType<typeof operatorMistakes>[number]) {
  return {
    position,
    message,
    remedy,
    unpatched: "it is the server's own file, and a JSON patch is of Phoenix files",
  };
}

/** Which of the servers' own files were read, for a person; undefined where the checkout carries none. */
export function filesRead(estate: Estate): string | undefined {
  if (estate.operator === undefined || estate.operator.files.length === 0) return undefined;
  const servers = SERVERS.map((server) => {
    const files = filesOf(estate, server).length;
    return `${SERVER_NAMES[server]} ${files > 0 ? counted(files, "file") : "none, so phx's own template"}`;
  });
  return `read of ${FILES}: ${servers.join(", ")}; what the lab has in place of what they name: phx plan`;
}
