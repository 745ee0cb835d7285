/** A server whose configuration a Phoenix checkout may carry. */
export const SERVERS = ["nginx", "traefik", "step-ca"] as const;
export type Server = (typeof SERVERS)[number];

/** A file of the operator's own, as its server reads it in its guest. */
export interface OperatorFile {
  readonly server: Server;
  /** Relative to the estate's folder: `nginx/sites-available/gateway`. */
  readonly name: string;
  /** In its guest: `/etc/nginx/sites-available/gateway`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** With every secret replaced by `[redacted]`, line by line as it was: nothing after the reading knows them. */
  readonly text: string;
  /** How many values were replaced. */
  readonly secrets: number;
}

/** A link of `sites-enabled`, `path` and `target` as its guest has them. */
export interface OperatorLink {
  readonly path: string;
  readonly target: string;
}

/** The operator's own files; a server without any runs by phx's own template. */
export interface Operator {
  readonly files: readonly OperatorFile[];
  readonly links: readonly OperatorLink[];
  /** What lies beside them and is not taken, and why. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/** An estate, as far as the operator's files go. */
export interface OperatorEstate {
  readonly operator?: Operator;
}

export function filesOf({ operator }: OperatorEstate, server: Server): readonly OperatorFile[] {
  return operator?.files.filter((file) => file.server === server) ?? [];
}

/** How a person calls it. */
export const SERVER_NAMES: Readonly<Record<Server, string>> = {
  nginx: "Nginx",
  traefik: "Traefik",
  "step-ca": "Step-CA",
};

/** Which of the operator's files a server opens under this path: links and enabled sites followed. */
export function originalOf({ operator }: OperatorEstate, path: string): string | undefined {
  const target = operator?.links.find((link) => link.path === path)?.target;
  const paths = [path, target, path.replace("/sites-enabled/", "/sites-available/")];
  return operator?.files.find((file) => paths.includes(file.path))?.name;
}
