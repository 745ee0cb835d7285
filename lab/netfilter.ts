import { HarnessError } from "../errors.ts";
import type { Lab } from "./lab.ts";
import { type Finished, run } from "./process.ts";

/**
 * Texts for `ipset restore` (`create` and `add` alone, for a namespace without sets), `iptables-restore` and
 * `ip6tables-restore`: whole tables, `filter` and, where it has lines, `raw`.
 */
export interface RuleTexts {
  readonly ipset: string;
  readonly iptables: string;
  readonly ip6tables: string;
}

/**
 * Makes the texts all that a namespace has. Sets are filled beside the live ones and both families' tables tried; only then
 * is anything swapped in, each set and each table whole. So no moment is without rules, and a text that is refused changes
 * nothing. Sets that no text names go last, when no rule holds them.
 */
export async function loadRules(lab: Lab, namespace: string, texts: RuleTexts): Promise<void> {
  await run(lab, namespace, ["sh", "-e"], loadScript(texts));
}

/** Whether what `loadRules` threw is the programs' own refusal of a text, and not that one of them did not run to its end. */
export function isRefusal({ code, cause }: HarnessError): boolean {
  const status = code === "lab-command" ? (cause as Finished).exitCode : -1;
  // sh(1): 126 and 127 are programs that can't be started, 128 and more a signal.
  return status > 0 && status < 126;
}

const TRIAL: RuleTexts = {
  ipset: "create PVEFW-trial hash:net family inet\nadd PVEFW-trial 192.0.2.0/24\n",
  iptables: "*filter\n-A INPUT -m set --match-set PVEFW-trial src -j DROP\nCOMMIT\n",
  ip6tables: "*filter\n-A INPUT -s 2001:db8::/32 -j DROP\nCOMMIT\n",
};

/** Loads rules that any kernel takes, and reads them back. Throws `lab-command` where the programs or the kernel can't. */
export async function tryRules(lab: Lab, namespace: string): Promise<void> {
  await loadRules(lab, namespace, TRIAL);
  const saved = await saveRules(lab, namespace);
  const missing = ["add PVEFW-trial 192.0.2.0/24", "--match-set PVEFW-trial src", "-s 2001:db8::/32"].find(
    (line) => !saved.includes(line),
  );
  if (missing === undefined) return;
  throw new HarnessError("lab-command", {
    subject: `ipset, iptables and ip6tables in ${namespace}`,
    expected: `${missing} after it was loaded`,
    actual: "no such line",
  });
}

const STAGED = "_swap";

/* In few processes: a rig loads hundreds of configurations, and each fork is a millisecond. */
function loadScript({ ipset, iptables, ip6tables }: RuleTexts): string {
  const names = [...ipset.matchAll(/^create (\S+)/gm)].map(([, name]) => name);
  const staged = ipset.replace(/^(create|add) (\S+)/gm, `$1 $2${STAGED}`);
  const both = (option: string) => `iptables-legacy-restore ${option} <<'END' &
${iptables}END
ip6tables-legacy-restore ${option} <<'END'
${ip6tables}END
wait $!
`;
  return `new="${names.join("\n")}"
for set in $(ipset list -n); do case $set in *${STAGED}) ipset destroy "$set" ;; *) live="$live
$set" ;; esac; done
undo() { ipset list -n | grep -vxF "$live" | sed 's/^/destroy /' | ipset restore; }
trap undo EXIT
in_list() { case "
$2
" in *"
$1
"*) ;; *) return 1 ;; esac; }
ipset restore <<'END'
${staged}END
for set in $new; do in_list "$set" "$live" || echo "rename \${set}${STAGED} $set"; done | ipset restore
${both("--test")}
for set in $new; do ! in_list "$set" "$live" || echo "swap \${set}${STAGED} $set"; done | ipset restore
${both("")}${clearRaw("iptables", iptables)}${clearRaw("ip6tables", ip6tables)}
trap - EXIT
for set in $live; do if in_list "$set" "$new"; then echo "destroy \${set}${STAGED}"; else echo "destroy $set"; fi; done | ipset restore
`;
}

/** A namespace has a raw table from its first use on. */
function clearRaw(tool: "iptables" | "ip6tables", text: string): string {
  if (text.includes("*raw\n")) return "";
  const names = `/proc/net/${tool.replace("tables", "_tables")}_names`;
  return `
if [ -e ${names} ]; then while read -r table; do
case $table in raw) printf '*raw\\nCOMMIT\\n' | ${tool}-legacy-restore ;; esac
done <${names}; fi`;
}

/** A namespace's live rules without counters, comments and the sets' hash seeds: equal texts are equal rules. */
export async function saveRules(lab: Lab, namespace: string): Promise<string> {
  const script = "iptables-legacy-save; ip6tables-legacy-save; ipset save | sort";
  const text = await run(lab, namespace, ["sh", "-e"], script);
  return text
    .replace(/^#.*\n/gm, "")
    .replace(/ \[\d+:\d+\]$/gm, "")
    .replace(/ initval \S+/g, "");
}
