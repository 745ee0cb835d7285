import type { Lab } from "./lab.ts";
import { run } from "./process.ts";

/** Texts for `ipset restore`, `iptables-restore` and `ip6tables-restore`, whole tables. */
export interface RuleTexts {
  readonly ipset: string;
  readonly iptables: string;
  readonly ip6tables: string;
}

/** Loads a namespace's rules, sets first; each family's table is swapped in whole, iptables-restore(8). */
export async function loadRules(
  lab: Lab,
  namespace: string,
  { ipset, iptables, ip6tables }: RuleTexts,
): Promise<void> {
  const script = `ipset restore -exist <<'END'\n${ipset}END
iptables-legacy-restore <<'END'\n${iptables}END
ip6tables-legacy-restore <<'END'\n${ip6tables}END
`;
  await run(lab, namespace, ["sh", "-e"], script);
}

/** A namespace's live rules without counters and comments: equal texts are equal rules. */
export async function saveRules(lab: Lab, namespace: string): Promise<string> {
  const script = "iptables-legacy-save -t filter; ip6tables-legacy-save -t filter; ipset save | sort";
  const text = await run(lab, namespace, ["sh", "-e"], script);
  return text.replace(/^#.*\n/gm, "").replace(/ \[\d+:\d+\]$/gm, "");
}
