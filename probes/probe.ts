import type { AcmeProbe, OrdersProbe } from "./acme/probe.ts";
import type { FlowKey } from "./flow-key.ts";

/** What to do, as data: a probe knows no expectation. `id` names it: equal probes have equal ids. */
export type Probe =
  | PacketProbe
  | TcpProbe
  | DnsProbe
  | QuestionsProbe
  | UpstreamProbe
  | HttpProbe
  | TlsProbe
  | HelloProbe
  | RawProbe
  | ReceiptsProbe
  | ForwardingProbe
  | BrowserProbe
  | PathProbe
  | RecordProbe
  | AcmeProbe
  | OrdersProbe
  | TrialProbe;

interface Common {
  readonly id: string;
  /** The vantage point. */
  readonly from: string;
}

/** Packets of each flow key to one destination, each with a token of its own. */
export interface PacketProbe extends Common {
  readonly kind: "packets";
  readonly to: string;
  readonly source: string;
  readonly dest: string;
  readonly forged: boolean;
  /** `icmp` is that of the addresses' family. */
  readonly keys: readonly FlowKey[];
  /** Source port of tcp and udp; left out: one of the engine's, which no server uses. */
  readonly sport?: number;
  /** Of tcp, as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32; left out: SYN. */
  readonly flags?: number;
  /** With colons; left out: the sender's own. The node sends from its own alone. */
  readonly sourceMac?: string;
}

/** A TCP connection by the sender's own stack. */
export interface TcpProbe extends Common {
  readonly kind: "tcp";
  readonly to: string;
  readonly address: string;
  readonly port: number;
}

export interface DnsProbe extends Common {
  readonly kind: "dns";
  readonly server: string;
  readonly transport: "udp" | "tcp";
  readonly name: string;
  readonly type: string;
}

/** One DNS question of many. */
export interface DnsQuestion {
  /** Names it among those of its probe. */
  readonly id: string;
  readonly transport: "udp" | "tcp";
  readonly name: string;
  /** A mnemonic of dns-packet, or `UNKNOWN_65280`. */
  readonly type: string;
  /** `CH`, `HS`, `ANY`; left out: IN. */
  readonly class?: string;
  /** Left out: 0, QUERY. */
  readonly opcode?: number;
  /** Left out: recursion desired. */
  readonly flags?: readonly ("rd" | "ad" | "cd")[];
  /** An OPT record, RFC 6891; `flags` are its 16 bits, an option's data is hex. */
  readonly edns?: {
    readonly version?: number;
    readonly size?: number;
    readonly flags?: number;
    readonly options?: readonly { readonly code: number; readonly hex: string }[];
  };
  /** The source port; left out: one that the kernel gives. Of udp alone. */
  readonly sport?: number;
  /** The message behind its id, in hex, where no encoder gives it; the rest then only says what it is. */
  readonly bytes?: string;
}

/** Many questions to one server, side by side: one observation holds all replies. */
export interface QuestionsProbe extends Common {
  readonly kind: "questions";
  readonly server: string;
  readonly questions: readonly DnsQuestion[];
}

/** What of these questions reaches the lab's upstream, and that a name of `foreignZone`, made for this once, does. */
export interface UpstreamProbe extends Common {
  readonly kind: "upstream";
  readonly server: string;
  readonly questions: readonly DnsQuestion[];
  readonly foreignZone: string;
}

/** Which roots a client trusts: the throwaway public CA's, or Step-CA's. */
export type Roots = "public" | "internal";

/** One request with a one-time canary; without `tls` plain http. */
export interface HttpProbe extends Common {
  readonly kind: "http";
  readonly address: string;
  readonly port: number;
  readonly tls?: { readonly servername: string; readonly roots: Roots };
  readonly host: string;
  readonly path: string;
  /** Left out: GET. */
  readonly method?: string;
  /** Beside `host`, `accept` and the canary. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Left out: HTTP/1.1. */
  readonly version?: "h2";
}

/** Bytes on a connection of its own; `{canary}` in them becomes its one-time canary. Latin-1. */
export interface RawProbe extends Common {
  readonly kind: "raw";
  readonly address: string;
  readonly port: number;
  /** Without a servername none is sent. */
  readonly tls?: { readonly servername?: string };
  /** What is sent, in a few words. */
  readonly title: string;
  readonly bytes: string;
}

/** Which backends received the canaries of other probes. */
export interface ReceiptsProbe extends Common {
  readonly kind: "receipts";
  /** Ids of raw probes, which are made first. */
  readonly of: readonly string[];
}

/** Where a server connects to by itself while requests come to it; `at` is its place, `source` its address there. */
export interface ForwardingProbe extends Common {
  readonly kind: "forwarding";
  readonly at: string;
  readonly source: string;
  readonly requests: readonly RawProbe[];
}

/** What a client says first in TLS: one version, and all suites that there are where it enumerates. */
export interface Hello {
  /** Names it among those of its probe. */
  readonly id: string;
  /** As on the wire: 0x0300 is SSL 3.0, 0x0304 TLS 1.3. */
  readonly version: number;
  /** Any bytes; left out: no name is asked for. */
  readonly servername?: string;
  readonly alpn?: readonly string[];
  /** Offers DEFLATE, RFC 3749. */
  readonly compression?: true;
  readonly enumerates?: true;
}

/** Many first words of TLS to one server, side by side: one observation holds all replies. */
export interface HelloProbe extends Common {
  readonly kind: "hello";
  readonly address: string;
  readonly port: number;
  readonly hellos: readonly Hello[];
}

/** One handshake; the peer's chain is verified against `roots` and `servername`. */
export interface TlsProbe extends Common {
  readonly kind: "tls";
  readonly address: string;
  readonly port: number;
  readonly servername: string;
  readonly roots: Roots;
  /** By TLS 1.2, and asks for another handshake on the same connection. */
  readonly renegotiates?: true;
}

/** A page in a real browser that trusts one root alone. */
export interface BrowserProbe extends Common {
  readonly kind: "browser";
  readonly url: string;
  readonly roots: Roots;
  /** Names of these zones alone are looked up. */
  readonly zones: readonly string[];
}

/** The way of one request for a name, from the name server's answer to the backend's. */
export interface PathProbe extends Common {
  readonly kind: "path";
  /** Whom the client asks for the name's address. */
  readonly server: string;
  readonly name: string;
  readonly roots: Roots;
}

/** What a server keeps about itself, read inside its own guest. */
export interface RecordProbe extends Common {
  readonly kind: "record";
  readonly record:
    | "ca-orders"
    | "traefik-certificates"
    | "traefik-routers"
    | "proxy-targets"
    | "trust-stores"
    | "ca-roots"
    | "ip6-state"
    | "live-rules"
    | "zones"
    | "operator-files"
    | "second-converge";
}

/** Something done to a lab, and what came of it: of a control that disturbs alone, in the lab made for it. */
export type TrialProbe = Common & { readonly kind: "trial" } & Trial;

/** A server ended, and started anew by the converge that follows, while requests flow. */
interface RestartTrial {
  readonly trial: "restart";
  /** As the converge calls it: `nginx`, `step-ca`. */
  readonly service: string;
  /** Ended too, and away until the first is back. */
  readonly without?: string;
}

/** A server of ours where the true one listens, and one request on its way there. */
interface ImpostorTrial {
  readonly trial: "impostor";
  /** In whose place: Traefik's, or the backend's. */
  readonly hop: "mesh" | "backend";
  /** The declared internal name that is asked for. */
  readonly hostname: string;
  readonly identity: ImpostorIdentity;
}

/** What the impostor shows; `right`: a certificate of Step-CA's for that very name. */
export type ImpostorIdentity = "right" | "wrong-ca" | "expired" | "wrong-name" | "self-signed" | "plaintext";

/** Traefik's certificates made short enough to be renewed at once, while requests flow. */
interface RenewalTrial {
  readonly trial: "renewal";
}

/** A lab made, changed, its rules loaded and its node built anew, while undeclared ports are asked. */
interface WindowTrial {
  readonly trial: "window";
}

/** The lab converged to another declaration, and back. */
interface ChangeTrial {
  readonly trial: "change";
}

type Trial = RestartTrial | ImpostorTrial | RenewalTrial | ChangeTrial | WindowTrial;
