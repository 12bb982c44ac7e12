/**
 * Units of container runtimes, and what they make: the services of docker, containerd, cri-o,
 * podman and the kubelet; the scopes, slices and services that hold containers and pods.
 */
const runtimes =
  /^(docker|dockerd|containerd|crio|cri-o|podman|kubelet|k3s|k3s-agent|rke2-server|rke2-agent|microk8s|nerdctl|buildkit|buildkitd|lxc|lxd|incus|systemd-nspawn)([.@-]|$)/;
const contents =
  /^((docker|cri-containerd|crio|libpod|nerdctl|buildkit|lxc)-|kubepods|machine-|libpod_|crio-)|\\.?docker\.|^machine\.slice$/;

/** It is a container runtime, or belongs to one. */
export function isContainerUnit(name: string): boolean {
  return runtimes.test(name) || contents.test(name);
}
