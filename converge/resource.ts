/** A command list for `ip -batch` (ip(8)) or `bridge -batch`, run in one namespace. */
export interface LinkBatch {
  readonly namespace: string;
  readonly tool: "ip" | "bridge";
  readonly lines: readonly string[];
}

/** How a server shows that it is ready; always asked from its own namespace. */
export type Readiness =
  | { readonly kind: "tcp"; readonly listeners: readonly string[] }
  | { readonly kind: "dns"; readonly server: string; readonly name: string }
  | {
      readonly kind: "ca";
      readonly address: string;
      readonly port: number;
      readonly name: string;
      readonly root: string;
    }
  /** Traefik: it holds a certificate for each name, and routes exactly these: `RULE > URL`. */
  | {
      readonly kind: "certificates";
      readonly api: number;
      readonly names: readonly string[];
      readonly routes: readonly string[];
    }
  /** A server on the operator's own files: it listens; where it has an API there, it also holds these certificates. */
  | { readonly kind: "operator"; readonly api?: number; readonly names: readonly string[] };

/** Something that a lab holds when it is what the declaration says. Values only: a plan prints as JSON. */
export type Resource =
  /** `links`: digest of the links that must be made anew together with it. */
  | {
      readonly kind: "namespace";
      readonly key: string;
      readonly name: string;
      readonly links?: string;
      readonly sysctls: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "firewall";
      readonly key: string;
      readonly namespace: string;
      readonly ipset: string;
      readonly iptables: string;
      readonly ip6tables: string;
    }
  | {
      readonly kind: "links";
      readonly key: string;
      readonly devices: readonly string[];
      readonly create: readonly LinkBatch[];
      readonly remove: readonly LinkBatch[];
    }
  | {
      readonly kind: "file";
      readonly key: string;
      readonly path: string;
      readonly content: string;
      readonly insert?: Insert;
    }
  | { readonly kind: "copy"; readonly key: string; readonly from: string; readonly to: string }
  | { readonly kind: "keys"; readonly key: string; readonly spec: KeysSpec }
  | { readonly kind: "edge-certificate"; readonly key: string; readonly spec: EdgeCertificateSpec }
  | { readonly kind: "certificate"; readonly key: string; readonly spec: CertificateSpec }
  /** Traefik's acme.json: it never forgets a certificate by itself (traefik issues 3376, 7082), and reads it at its start alone. */
  | {
      readonly kind: "acme-store";
      readonly key: string;
      readonly path: string;
      readonly resolver: string;
      /** The names that it may hold certificates for. */
      readonly names: readonly string[];
    }
  | {
      readonly kind: "service";
      readonly key: string;
      readonly name: string;
      readonly namespace: string;
      /** `{traefik}`, `{step-ca}` and `{node}` stand for the component's path. */
      readonly argv: readonly string[];
      readonly resolvConf?: string;
      /** Keys of the resources that it reads at its start alone: a change of one starts it anew. */
      readonly reads: readonly string[];
      readonly reload?: Reload;
      /** Keys of the services that must be ready before it starts. */
      readonly after: readonly string[];
      readonly ready: Readiness;
      /** It runs on files that phx did not write: what it says of them is a finding. `otherwise`: what runs where it refuses. */
      readonly operator?: { readonly otherwise?: readonly string[] };
      readonly log: string;
    };

/** How a server takes up what changed while its process stays. */
export interface Reload {
  /** Keys of the resources that it reads anew. */
  readonly reads: readonly string[];
  /** The server's own look at its files, which must end well first. */
  readonly check?: readonly string[];
  /** What it is sent; absent: it watches its files. */
  readonly signal?: "HUP";
  /** A line (regular expression) that it then writes to `log`, when it serves what is new and nothing else. */
  readonly said?: { readonly log: string; readonly line: string };
}

/** Text of a file of the lab that stands in for a word of this one when it is written: what only the lab knows. */
interface Insert {
  readonly word: string;
  readonly path: string;
}

/** The run's own CAs and keys: never from the declaration, never printed, made once for a lab. */
export interface KeysSpec {
  readonly folder: string;
  readonly caName: string;
  /** Where Traefik's account key is seeded, and for whom. */
  readonly acmeStore: string;
  readonly acmeEmail: string;
}

/** The edge's one certificate, of the lab's public CA; its key stays where another name is added. */
export interface EdgeCertificateSpec {
  readonly names: readonly string[];
  readonly certPath: string;
  readonly keyPath: string;
  readonly rootPath: string;
  readonly rootKeyPath: string;
}

/** A backend's certificate, asked of Step-CA by its JWK provisioner from inside the CA's own guest. */
export interface CertificateSpec {
  readonly name: string;
  readonly certPath: string;
  readonly keyPath: string;
  readonly caNamespace: string;
  readonly caAddress: string;
  readonly caPort: number;
  readonly caName: string;
  readonly rootPath: string;
  readonly provisioner: string;
  readonly provisionerKeyPath: string;
}

/** One thing to do, and why. `reload`: what is declared otherwise is taken up by what stands. */
export interface Step {
  readonly action: "create" | "replace" | "reload" | "remove";
  readonly resource: Resource;
  readonly why: string;
}

export type Plan = readonly Step[];
