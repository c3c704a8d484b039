"""Data parallelism: many processes train one model, and the result does not depend on how many.

A step's micro-batches are dealt out in turn; losses are already divided by the weight of the whole step, so gradients are summed,
never averaged. Two ways to hold the model:

- *Replicated*: every process has all of it. Gradients are summed once a step, after the last micro-batch, in flat buckets. This
  is what DistributedDataParallel does under `no_sync`, without its wrapper: the head's gradient is made outside `forward`, tasks
  read attributes of the model, and the sum comes in the same order whatever the hooks' timing. Costs one all-reduce of the
  gradients a step, not hidden behind the backward pass.
- *Sharded*: FSDP2 (`fully_shard`; Zhao et al. 2023, "PyTorch FSDP"; torch's per-parameter redesign) on each block and on the
  whole, so that weights, gradients and optimizer state lie in rows over the processes. A block's weights are gathered when it
  runs; those of the root (embedding, head, last norm) stay gathered from the forward to the backward pass, so that losses can
  multiply by `head_weight` outside of `forward`. Gradients are scattered after every micro-batch: more traffic than once a
  step, but a whole gradient never exists.

The engine trains the model it is given, or a sharded twin of it, whose weights are put back into it in the end.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor, nn

from hagane.artifact import processes
from hagane.errors import UsageError
from hagane.model.decoder import Block
from hagane.train.task import Batch

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

_BUCKET = 1 << 23
"""Numbers that are summed at once: 32 MB of float32."""


def device() -> torch.device:
    """The GPU of this process where `torchrun` started it on a machine that has them, else the CPU.

    Raises UsageError when there are fewer GPUs than processes.
    """
    number = os.environ.get("LOCAL_RANK")
    if processes.count() == 1 or number is None or not torch.cuda.is_available():
        return torch.device("cpu")
    if int(number) >= torch.cuda.device_count():
        raise UsageError(
            f"There are {torch.cuda.device_count()} GPUs on this machine, too few for process {number}.",
            where="torchrun",
            fix="Give --nproc-per-node the number of GPUs.",
        )
    torch.cuda.set_device(int(number))
    return torch.device("cuda", int(number))


@contextmanager
def placed(model: nn.Module, shard: bool) -> Iterator[nn.Module]:
    """The model to train: `model` itself, or its sharded twin. On leaving without an error `model` holds what was learned."""
    if processes.count() == 1:
        yield model
        return
    for parameter in model.parameters():
        # Alike already where all were made from one seed or file; processors of two kinds may draw other last bits.
        processes.copy_first(parameter.detach())
    with processes.peers():
        trained = _sharded(model) if shard else model.to(device())
        yield trained
    if trained is model:
        model.to("cpu")
        return
    reshard(trained)
    with torch.no_grad(), processes.peers():
        for parameter, learned in zip(model.parameters(), trained.parameters(), strict=True):
            parameter.copy_(whole(learned))


def _sharded(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    mesh = init_device_mesh(device().type, (processes.count(),))
    twin = copy.deepcopy(model)
    for block in [module for module in twin.modules() if isinstance(module, Block)]:
        fully_shard(block, mesh=mesh)
    fully_shard(twin, mesh=mesh, reshard_after_forward=False)
    for module in twin.modules():
        if isinstance(module, FSDPModule):
            # Sums stay sums; by default they would be divided by the number of processes, with an operation gloo does not have.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    return twin


def reshard(model: nn.Module) -> None:
    """Let go of weights that a forward pass has gathered, where `model` is sharded."""
    if processes.count() > 1:
        from torch.distributed.fsdp import FSDPModule

        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


def deal(batches: Sequence[Batch]) -> list[Batch]:
    """This process's micro-batches: number r, r + count, …, on its device.

    Raises UsageError when they cannot be dealt out evenly; all processes must make as many passes.
    """
    count = processes.count()
    if len(batches) % count:
        raise UsageError(
            f"{len(batches)} micro-batches of a step cannot be dealt to {count} processes.",
            where="torchrun",
            fix="Set `micro_batches` to a multiple of the number of processes; with `batch_warmup`, to four times a multiple.",
        )
    here = device()
    return [{key: value.to(here) for key, value in batch.items()} for batch in batches[processes.rank() :: count]]


def sums(values: dict[str, float]) -> dict[str, float]:
    """Each value summed over the processes, in float64. The names must be the same everywhere."""
    if processes.count() == 1:
        return values
    total = torch.tensor(list(values.values()), dtype=torch.float64)
    processes.add_up(total)
    return dict(zip(values, total.tolist(), strict=True))


def anywhere(happened: bool) -> bool:
    """Whether it happened in any process, so that all act on it in the same step."""
    return sums({"happened": float(happened)})["happened"] > 0


def reduce_gradients(parameters: Iterable[Tensor]) -> None:
    """Sum the gradients over the processes, in place; those of shards are summed already."""
    if processes.count() == 1:
        return
    bucket: list[Tensor] = []
    for parameter in parameters:
        if is_sharded(parameter):
            continue
        if parameter.grad is None:
            # Not reached by this process's micro-batches, perhaps by another's.
            parameter.grad = torch.zeros_like(parameter)
        bucket.append(parameter.grad)
        if sum(gradient.numel() for gradient in bucket) >= _BUCKET:
            _reduce(bucket)
            bucket = []
    if bucket:
        _reduce(bucket)


def _reduce(gradients: list[Tensor]) -> None:
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    processes.add_up(flat)
    for gradient, total in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(total.view_as(gradient))


def is_sharded(tensor: Tensor) -> TypeGuard[DTensor]:
    """Whether `tensor` lies in rows on several processes."""
    if processes.count() == 1:
        return False  # and the import, which takes a while, is spared
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)


def whole(tensor: Tensor) -> Tensor:
    """`tensor` itself, or all rows of a sharded one; every process must ask."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def local(tensor: Tensor) -> Tensor:
    """`tensor` itself, or the rows of a sharded one that lie here, sharing their memory."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def first_row(tensor: Tensor) -> int:
    """Number of the first row that lies here; rows are dealt in equal parts, the last of which may be short or empty."""
    if not is_sharded(tensor):
        return 0
    return min(tensor.size(0), -(-tensor.size(0) // processes.count()) * processes.rank())
