import { certifiedNames } from "../policy/acme-client.ts";
import { type Estate, guestOf } from "../policy/estate.ts";
import { folderOf, KEYS } from "./layout.ts";
import type { Resource } from "./resource.ts";

/** Stands in ca.json for the provisioner's public key, a JSON object, until the lab has made it. */
export const PROVISIONER_KEY = "the provisioner's public key";

/** Name of the JWK provisioner that issues the backends' own certificates. */
export const BACKEND_PROVISIONER = "backends";

/**
 * Step-CA's ca.json: ACME by tls-alpn-01 alone, and a name policy that allows exactly the declared names that need a
 * certificate; the CA's own is exempt from the policy, so ordering it is denied by name.
 */
export function authorityFiles(estate: Estate): Resource[] {
  const folder = folderOf(guestOf(estate, "ca").id);
  const path = `${folder}/ca.json`;
  const backends = { type: "JWK", name: BACKEND_PROVISIONER, key: PROVISIONER_KEY };
  const content = `${JSON.stringify(caConfig(estate, pathsIn(folder), [backends]), null, 2)}\n`;
  const insert = { word: JSON.stringify(PROVISIONER_KEY), path: KEYS.provisionerPublic };
  return [{ kind: "file", key: `file ${path}`, path, content, insert }];
}

/** Where Step-CA's files lie, as it names them. */
export interface CaPaths {
  readonly root: string;
  readonly intermediate: string;
  readonly key: string;
  readonly database: string;
}

function pathsIn(folder: string): CaPaths {
  const { root, intermediate, intermediateKey: key } = KEYS;
  return { root, intermediate, key, database: `${folder}/db` };
}

/** `provisioners` come behind the ACME one. */
export function caConfig(estate: Estate, paths: CaPaths, provisioners: readonly unknown[]): unknown {
  const { ca } = estate;
  return {
    root: paths.root,
    crt: paths.intermediate,
    key: paths.key,
    address: `${guestOf(estate, "ca").address}:${ca.port}`,
    dnsNames: [ca.dnsName],
    logger: { format: "json" },
    db: { type: "badgerv2", dataSource: paths.database, badgerFileLoadingMode: "FileIO" },
    authority: {
      policy: {
        x509: {
          allow: { dns: certifiedNames(estate) },
          deny: { dns: [ca.dnsName] },
          allowWildcardNames: false,
        },
      },
      backdate: "1m0s",
      provisioners: [
        {
          type: "ACME",
          name: ca.provisioner,
          challenges: ["tls-alpn-01"],
          forceCN: false,
          requireEAB: false,
          claims: { minTLSCertDuration: "5m", defaultTLSCertDuration: "24h", maxTLSCertDuration: "24h" },
        },
        ...provisioners,
      ],
    },
    tls: { minVersion: 1.2, maxVersion: 1.3 },
  };
}
