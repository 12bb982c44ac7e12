import type { DependencyGraph } from './graph.ts';

/** A container or pod that lives in a unit of its own. */
export interface Contained {
  readonly unit: string;
  readonly kind: 'container' | 'pod';
  /** The container's ID, its first twelve digits as the runtimes print it; the UID of a pod. */
  readonly id: string;
}

/** Which units hold what a runtime has started: by the names that it gives them. */
const runtimes: readonly {
  readonly runtime: RegExp;
  readonly holds: RegExp;
}[] = [
  { runtime: /^docker\.service$/, holds: /^docker-[0-9a-f]{12,}\.scope$/ },
  {
    runtime: /^containerd\.service$/,
    holds: /^(docker|cri-containerd|nerdctl)-[0-9a-f]{12,}\.scope$/,
  },
  { runtime: /^(crio|cri-o)\.service$/, holds: /^crio-[0-9a-f]{12,}\.scope$/ },
  { runtime: /^podman(@.*)?\.service$/, holds: /^libpod-[0-9a-f]{12,}\.scope$/ },
  {
    runtime: /^(kubelet|k3s|k3s-agent|rke2-server|rke2-agent)\.service$/,
    holds: /^(kubepods.*-pod[0-9a-f_]+\.slice|(cri-containerd|crio)-[0-9a-f]{12,}\.scope)$/,
  },
];

const podSlice = /-pod([0-9a-f_]+)\.slice$/;
const containerScope = /-([0-9a-f]{12})[0-9a-f]*\.scope$/;

/**
 * Containers and pods that hang on a container runtime, by the names of the scopes and slices that
 * hold them. systemd itself knows no dependency there: they are not stopped by its rules, but have
 * lost who looks after them, and most runtimes take them down. Empty for what is no runtime.
 */
export function containersOf(graph: DependencyGraph, runtime: string): Contained[] {
  const known = runtimes.find((row) => row.runtime.test(runtime));
  if (known === undefined) return [];
  const found: Contained[] = [];
  for (const unit of graph.units()) {
    const name = graph.name(unit);
    if (known.holds.test(name)) found.push(contained(name));
  }
  return found.sort((a, b) => (a.unit < b.unit ? -1 : 1));
}

/** What a unit holds: its name tells. Runtimes write the dashes of a pod's UID as underscores. */
function contained(unit: string): Contained {
  const pod = podSlice.exec(unit)?.[1];
  if (pod !== undefined) return { unit, kind: 'pod', id: pod.replaceAll('_', '-') };
  return { unit, kind: 'container', id: containerScope.exec(unit)?.[1] ?? '' };
}
