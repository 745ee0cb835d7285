import { type Estate, guestOf } from "../../policy/estate.ts";
import { filesOf } from "../../policy/operator/operator.ts";
import { folderOf } from "../layout.ts";
import { nginxRoot, operatorNginx } from "./nginx.ts";
import { traefikRoot } from "./traefik.ts";

/** A configuration that stands in the lab, and the folder at which the paths that it names start; empty: the lab's own. */
export interface LiveConfig {
  readonly path: string;
  readonly root: string;
}

/** Nginx's and Traefik's live configurations. */
export function liveConfigs(estate: Estate): LiveConfig[] {
  const edge = folderOf(guestOf(estate, "gateway").id);
  const mesh = folderOf(guestOf(estate, "mesh").id);
  const own = (server: "nginx" | "traefik", root: string) =>
    filesOf(estate, server).map(({ path }) => ({ path: `${root}${path}`, root }));
  const phxs = (path: string) => ({ path, root: "" });
  const nginx = own("nginx", nginxRoot(estate));
  const traefik = own("traefik", traefikRoot(estate));
  return [
    ...(nginx.length > 0 ? nginx : [phxs(`${edge}/nginx.conf`)]),
    ...(traefik.length > 0 ? traefik : [phxs(`${mesh}/traefik.yml`), phxs(`${mesh}/dynamic/estate.yml`)]),
  ];
}

/** The command that prints what Nginx runs on: on the operator's files in their own file system, as Nginx itself. */
export function nginxDump(estate: Estate): readonly string[] {
  if (filesOf(estate, "nginx").length === 0) {
    const folder = folderOf(guestOf(estate, "gateway").id);
    return ["nginx", "-T", "-q", "-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`];
  }
  const { argv } = operatorNginx(estate);
  return [...argv.slice(0, argv.indexOf("--") + 1), "-T", "-q"];
}
