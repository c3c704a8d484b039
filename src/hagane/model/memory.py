"""How much memory there is, and whether the weights of a model fit into it."""

from __future__ import annotations

from pathlib import Path

from hagane.errors import UsageError
from hagane.model.config import DecoderConfig

GIB = 2**30


def require_weights(config: DecoderConfig, where: str) -> None:
    """Raise UsageError for a model whose float32 weights alone are more than this machine's free memory."""
    needed, available = 4 * config.parameters_count, available_bytes()
    if available is not None and needed > available:
        raise UsageError(
            f"The weights of {config.parameters_count / 1e9:.1f} G parameters need {needed / GIB:.1f} GiB of memory, and "
            f"{available / GIB:.1f} GiB are there.",
            where=where,
            fix="Take a smaller model, or a machine with more memory.",
        )


def available_bytes() -> int | None:
    """Memory this process may still take: of the machine, or of its control group where that is less. None: unknown."""
    found = [] if (group := group_bytes(Path("/sys/fs/cgroup"))) is None else [group]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    return min(found, default=None)


def group_bytes(root: Path) -> int | None:
    """What the control group mounted at `root` (version 2, or 1) may still take; None where there is no limit.

    Cached files that nobody uses count as free: the kernel gives them back when it must.
    """
    for folder, limit, used, cached in (
        (root, "memory.max", "memory.current", "inactive_file"),
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most, now = (folder / limit).read_text().strip(), int((folder / used).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except OSError:
            continue
        return None if most == "max" else int(most) - now + int(stat.get(cached, 0))
    return None
