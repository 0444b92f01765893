"""How a container of the lab becomes a machine: what systemd and an inner Engine need of the outer one."""

from __future__ import annotations

from typing import Any

import docker

# Where an Engine keeps what it holds: its own files, and the images of one with the containerd store. Both lie
# on volumes, because an overlay inside the container's own overlay takes no whiteout file.
ENGINE_ROOTS = {"docker": "/var/lib/docker", "containerd": "/var/lib/containerd"}

# Spelled out: `--privileged` is refused on machines without CAP_SYS_RESOURCE.
CAPABILITIES = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "IPC_OWNER",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MKNOD",
    "NET_ADMIN",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
]

# systemd 257 refuses cgroup v1 unless told twice; on v2 both must be absent.
CGROUP_V1_ENVIRONMENT = {
    "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE": "1",
    "SYSTEMD_PROC_CMDLINE": "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
}

# What the docker CLI calls systempaths=unconfined; the SDK has no name for either of the three.
UNMASKED = {"MaskedPaths": [], "ReadonlyPaths": [], "CgroupnsMode": "private"}


def environment(client: docker.DockerClient) -> dict[str, str]:
    return CGROUP_V1_ENVIRONMENT if client.info()["CgroupVersion"] == "1" else {}


def host_config(client: docker.DockerClient, **more: Any) -> dict[str, Any]:
    config: dict[str, Any] = client.api.create_host_config(
        cap_add=CAPABILITIES,
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        device_cgroup_rules=["a *:* rwm"],
        tmpfs={"/run": "exec", "/tmp": "exec"},
        **more,
    )
    return {**config, **UNMASKED}
