import { readFileSync } from "node:fs";
import type { Lab } from "./lab.ts";
import { within } from "./namespace.ts";

/** What a namespace has of IPv6. */
export interface Ip6State {
  /** `ADDRESS%DEVICE` of each global address, proc(5) `if_inet6`: 32 hexadecimal digits. */
  readonly addresses: readonly string[];
  /** `tcp ADDRESS:PORT`, `udp ADDRESS:PORT` of each socket that hears IPv6: one of `::` hears it too. */
  readonly listeners: readonly string[];
}

/** Scope of a global address in `if_inet6`. */
const GLOBAL = "00";
/** States of a socket in `/proc/net/tcp6` and `udp6`: TCP_LISTEN; of udp TCP_CLOSE, which is unconnected. */
const LISTENS = { tcp: "0A", udp: "07" } as const;

/** Empty where the kernel has no IPv6. */
export function ip6State(lab: Lab, namespace: string): Ip6State {
  return within(lab, namespace, () => ({
    addresses: rows("if_inet6")
      .filter(([, , , scope]) => scope === GLOBAL)
      .map(([address, , , , , device]) => `${address}%${device}`),
    listeners: (["tcp", "udp"] as const).flatMap((proto) =>
      rows(`${proto}6`)
        .filter((row) => row[3] === LISTENS[proto])
        .map((row) => `${proto} ${socketOf(row[1] ?? "")}`),
    ),
  }));
}

function rows(name: string): string[][] {
  const lines = textOf(name).split("\n").filter(Boolean);
  return lines.map((line) => line.trim().split(/\s+/));
}

function textOf(name: string): string {
  try {
    return readFileSync(`/proc/thread-self/net/${name}`, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** `...:1F90` -> `[::]:8080`; another address than the unspecified one stays as the kernel writes it. */
function socketOf(text: string): string {
  const [address = "", port = ""] = text.split(":");
  return `[${/^0+$/.test(address) ? "::" : address}]:${Number.parseInt(port, 16)}`;
}
