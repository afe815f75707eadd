"""The Pod Security Standard "restricted" (kubernetes.io, "Pod Security Standards"), for Linux pods.

Each rule of it and of "baseline", which it includes, is here, as of Kubernetes 1.37. Where the standard allows some
things of a field that the chart never sets (`sysctls`, SELinux's own types, root in a user namespace of its own),
any is a violation.
"""

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
_PROFILES = {"RuntimeDefault", "Localhost"}
_ASKING = ("startupProbe", "livenessProbe", "readinessProbe")


def violations(pod: dict[str, Any]) -> list[str]:
    """What in a pod's specification the standard does not allow."""
    return [*_of_the_pod(pod), *(line for container in _containers(pod) for line in _of_a_container(pod, container))]


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in pod.get(kind, [])]


def _of_the_pod(pod: dict[str, Any]) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    for volume in pod.get("volumes", []):
        if kinds := set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}: {kinds.pop()}"
    context = pod.get("securityContext", {})
    if context.get("sysctls"):
        yield "sysctls"
    if context.get("runAsUser") == 0:
        yield "runs as root"
    yield from _of_a_context("pod", context)


def _of_a_context(name: str, context: dict[str, Any]) -> Iterator[str]:
    """Rules that hold for the pod's and for a container's."""
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield f"{name}: hostProcess"
    if context.get("seLinuxOptions"):
        yield f"{name}: seLinuxOptions"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in _PROFILES:
        yield f"{name}: appArmorProfile"
    if context.get("seccompProfile", {}).get("type", "RuntimeDefault") not in _PROFILES:
        yield f"{name}: seccompProfile"


def _of_a_container(pod: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    name, own = container["name"], container.get("securityContext", {})
    context = pod.get("securityContext", {}) | own
    yield from _of_a_context(name, own)
    if own.get("privileged"):
        yield f"{name}: privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield f"{name}: runs as root"
    if "seccompProfile" not in context:
        yield f"{name}: seccompProfile"
    if own.get("procMount", "Default") != "Default":
        yield f"{name}: procMount"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name}: hostPort"
    if any(_names_a_host(asked) for asked in _asked(container)):
        yield f"{name}: a probe or hook of another host"


def _asked(container: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (container[name] for name in _ASKING if name in container)
    yield from container.get("lifecycle", {}).values()


def _names_a_host(asked: dict[str, Any]) -> bool:
    return any(asked.get(way, {}).get("host") for way in ("httpGet", "tcpSocket"))
