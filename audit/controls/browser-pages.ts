import type { Estate, PublicName } from "../../policy/estate.ts";
import type { BrowserProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";

const OUTSIDERS = ["wan", "lan"] as const;

function pageOf(estate: Estate, from: string, name: string, scheme: "http" | "https"): BrowserProbe {
  const { externalZone, internalZone } = estate.dns;
  const url = `${scheme}://${name}/`;
  const zones = [externalZone, internalZone];
  return { kind: "browser", id: `browser ${from} > ${url}`, from, url, roots: "public", zones };
}

/** Each public name as people write it, so that the redirect is followed too. */
function publicPage(estate: Estate, from: string, { external }: PublicName): BrowserProbe {
  return pageOf(estate, from, external, "http");
}

/** One internal name, by preference one that has a public twin. */
function internalPages(estate: Estate, from: string): BrowserProbe[] {
  const [name = estate.dns.internal[0]?.name] = estate.publicNames.map(({ internal }) => internal);
  return name === undefined ? [] : [pageOf(estate, from, name, "https")];
}

/** What a browser that trusts the public root alone opens, from the internet and from a plain device of the LAN. */
export function browserProbes(estate: Estate): BrowserProbe[] {
  return OUTSIDERS.flatMap((from) => [
    ...estate.publicNames.map((name) => publicPage(estate, from, name)),
    ...internalPages(estate, from),
  ]);
}

export function browserChecks(estate: Estate, seen: Observations): Check[] {
  return OUTSIDERS.flatMap((from) => [
    ...estate.publicNames.map((name) => pageCheck(estate, seen, from, name)),
    ...internalPages(estate, from).map((probe) => strangerCheck(seen, probe)),
  ]);
}

/** The redirect followed, no error of its certificate, nothing over plain http, and the declared guest's page. */
function pageCheck(estate: Estate, seen: Observations, from: string, name: PublicName): Check {
  const { id, facts, answer, outcome, reason } = seen.service(publicPage(estate, from, name).id);
  const { external } = name;
  const guest = estate.routes.find(({ hostname }) => hostname === name.internal)?.guestId;
  const { redirects, insecure } = facts;
  const isRedirected =
    Array.isArray(redirects) && redirects.join() === `301 http://${external}/ > https://${external}/`;
  const isMixed = Array.isArray(insecure) && insecure.length > 0;
  const good = isRedirected && !isMixed && facts["status"] === 200 && facts["guest"] === guest;
  const how = isMixed ? `${answer}, and over plain http ${insecure.join(", ")}` : answer;
  return serviceCheck(outcome, good, {
    title: `a browser in ${from} opens http://${external}/`,
    expected: `redirected to https, the page of guest ${guest ?? "none"}, nothing over plain http, trusting the public root alone`,
    observed: how,
    reason: reason ?? `http://${external}/ from ${from}: ${how}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

/** Outside an internal name is no name. */
function strangerCheck(seen: Observations, { id, from, url }: BrowserProbe): Check {
  const { facts, answer, outcome, reason } = seen.service(id);
  return serviceCheck(outcome, facts["error"] === "net::ERR_NAME_NOT_RESOLVED", {
    title: `a browser in ${from} does not find ${url}`,
    expected: "net::ERR_NAME_NOT_RESOLVED",
    observed: answer,
    reason: reason ?? `${url} from ${from}: ${answer}`,
    evidence: [id],
  });
}
