import { z } from "zod";

export const StackService = z.looseObject({ traefik_labels: z.array(z.string()).optional() });

const Environment = z.looseObject({ services: z.record(z.string(), StackService).optional() });

const Stack = z.looseObject({ environments: z.record(z.string(), Environment).optional() });

/** `phoenix_stacks_config.json`, optional: Docker stacks that VMs name. */
export const StacksFile = z.looseObject({ docker_stacks: z.record(z.string(), Stack) });
export type StacksFile = z.infer<typeof StacksFile>;
