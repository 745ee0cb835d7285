import type { Resource } from "./resource.ts";

type AcmeStore = Extract<Resource, { kind: "acme-store" }>;

/** Traefik's acme.json, as far as it is touched: all else of it stays. */
type Stored = Record<string, { readonly Certificates?: readonly Held[] | null } | undefined>;

interface Held {
  readonly domain?: { readonly main?: string; readonly sans?: readonly string[] };
}

/** The first name that the store holds a certificate for and is not to. */
export function heldElsewhere({ resolver, names }: AcmeStore, text: string): string | undefined {
  const { Certificates } = (JSON.parse(text) as Stored)[resolver] ?? {};
  return (Certificates ?? []).flatMap(namesOf).find((name) => !names.includes(name));
}

/** The store without the certificates of other names, undefined where there is none: those that stay keep their serials. */
export function prunedStore(store: AcmeStore, text: string): string | undefined {
  if (heldElsewhere(store, text) === undefined) return undefined;
  const stored = JSON.parse(text) as Stored;
  const { [store.resolver]: resolved } = stored;
  const kept = (resolved?.Certificates ?? []).filter((held) =>
    namesOf(held).every((name) => store.names.includes(name)),
  );
  return JSON.stringify({ ...stored, [store.resolver]: { ...resolved, Certificates: kept } });
}

function namesOf({ domain }: Held): string[] {
  return [...(domain?.main === undefined ? [] : [domain.main]), ...(domain?.sans ?? [])];
}
