import { z } from "zod";
import { parseCidr, parseIpv4 } from "../address.ts";
import { isHostname } from "../zone.ts";

// A schema's message is what was expected; validate.ts adds where and what was found.

/** Text without control characters: it ends up in rule files and zone files. */
export const Text = z.string().regex(/^\P{Cc}*$/u, "text without control characters");

/** One word of a Proxmox rule; empty counts as absent, as Phoenix's own generator has it. */
export const Word = z.union(
  [z.string().regex(/^[^\s\p{Cc}#"]*$/u, "one word without blanks"), z.number().transform(String)],
  "a string or a number",
);

/** Proxmox and Phoenix write flags in all of these ways. */
export const Flag = z
  .union([z.boolean(), z.literal([0, 1, "0", "1"])], "true or false")
  .transform((flag) => flag === true || flag === 1 || flag === "1");

const PORT = "a port from 1 to 65535";

export const PortNumber = z.int(PORT).min(1, PORT).max(65535, PORT);

export const Port = z
  .union([z.number(), z.string().regex(/^\d{1,5}$/, PORT)], PORT)
  .transform(Number)
  .pipe(PortNumber);

export const Address = z
  .string("an IPv4 address, e.g. 10.0.0.1")
  .refine((text) => parseIpv4(text) !== undefined, "an IPv4 address, e.g. 10.0.0.1");

export const Cidr = z
  .string("a network, e.g. 10.0.0.0/24")
  .refine((text) => parseCidr(text) !== undefined, "a network, e.g. 10.0.0.0/24");

/** Host bits are the point: `10.0.0.13/24`. */
export const AddressWithPrefix = z
  .string("an address with its prefix, e.g. 10.0.0.13/24")
  .refine((text) => parseCidr(text) !== undefined, "an address with its prefix, e.g. 10.0.0.13/24");

/** Lower case, no trailing dot. What is no host name (underscores, a wildcard) is left out of the zones, with a note. */
export const DnsName = z
  .string("a DNS name")
  .transform((name) => name.toLowerCase().replace(/\.$/, ""))
  .pipe(
    z
      .string()
      .regex(
        /^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/,
        "a DNS name",
      )
      .max(253, "a DNS name"),
  );

/** A name without which there is no estate, so that leaving it out is no choice. */
export const HostName = DnsName.refine(isHostname, "a host name of letters, digits and hyphens");

/** So long that the longest name that is derived below it, `hostmaster.internal.`, is still one. */
const ZONE_NAME_LENGTH = 230;

export const ZoneName = HostName.refine(
  (name) => name.length <= ZONE_NAME_LENGTH,
  `a zone's name of at most ${ZONE_NAME_LENGTH} characters`,
);

export const GuestId = z
  .union([z.string().regex(/^\d+$/, "a guest's id"), z.int("a guest's id")], "a guest's id")
  .transform(String);
