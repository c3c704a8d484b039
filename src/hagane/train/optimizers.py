"""Muon for matrices, AdamW for everything else; one learning rate makes updates of one size under both.

Muon (Jordan et al. 2024) replaces the momentum of a matrix by the nearest matrix with all singular values alike, found by
five Newton–Schulz iterations. An update scaled by 0.2·√max(rows, columns) has the root mean square of a usual AdamW update
(Liu et al. 2025, "Muon is scalable for LLM training", §2.2), so weight decay means the same. The best rate need not be the same: in
the sweep of `docs/learning-rate.md` Muon's is nearly five times AdamW's.

Muon is about whole matrices, so fused parameters (queries, keys and values in one) are cut into their logical ones, which
the model's `roles()` name. All logical matrices of one shape, transposed ones included, go through the iterations as one
batch: `torch.optim.Muon`, one matrix at a time, cost 23–36 % of a step of a small model on two cores. They are made in the number
format that products are fast in: bfloat16, which is exact enough for them, or float32 where a processor only emulates it.

Embeddings, heads, norms and what has no role take AdamW at their own rate. Weight decay goes by role: one for matrices, one for
embeddings and heads (usually none: a token that is rarely seen would shrink all the same), none for vectors and the rest.
State is tensors by parameter name, for safetensors. Where parameters are sharded so is the state; the iterations need whole
matrices, which travel in that format, and every process makes all of them and keeps its own rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from hagane.model.decoder import Role
from hagane.train.distributed import first_row, is_sharded, local, whole
from hagane.train.precision import compute_dtype

OptimizerName = Literal["muon", "adamw"]

_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Jordan et al. 2024: the quintic with the steepest slope at zero; singular values end between about 0.7 and 1.2."""


@runtime_checkable
class HasRoles(Protocol):
    """A module that says what its parameters are for."""

    def roles(self) -> dict[str, Role]:
        """Role by the name in `named_parameters`."""


def roles_of(model: nn.Module) -> dict[str, Role]:
    """Roles by the names of `model`, as told by it or by modules inside it; the outer one has the last word."""
    found: dict[str, Role] = {}
    for prefix, module in model.named_modules():
        if isinstance(module, HasRoles):
            dot = f"{prefix}." if prefix else ""
            found = {dot + name: role for name, role in module.roles().items()} | found
    return found


def orthogonalize(matrices: Tensor) -> Tensor:
    """Newton–Schulz: each matrix with its singular values brought near 1. [count, rows ≤ columns, columns]."""
    a, b, c = _COEFFICIENTS
    x: Tensor = matrices / matrices.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


@dataclass(frozen=True)
class _Piece:
    """A logical matrix: rows `begin` … `end` of a parameter."""

    parameter: int
    begin: int
    end: int
    tall: bool


class Muon:
    """Momentum, orthogonalised, over all matrices at once."""

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        splits: dict[str, tuple[int, ...]],
        dtype: torch.dtype,
        momentum: float = 0.95,
    ) -> None:
        """`splits`: rows of the logical matrices inside each parameter, by its name; `dtype`: of the iterations."""
        self.names = list(parameters)
        self.parameters: list[Tensor] = list(parameters.values())
        self.dtype, self.momentum = dtype, momentum
        self.buffers = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._shapes: dict[tuple[int, int], list[_Piece]] = defaultdict(list)
        for number, name in enumerate(self.names):
            columns, begin = self.parameters[number].size(1), 0
            for rows in splits[name]:
                shape = (min(rows, columns), max(rows, columns))
                self._shapes[shape].append(_Piece(number, begin, begin + rows, rows > columns))
                begin += rows

    @torch.no_grad()
    def step(self, lr: float, weight_decay: float) -> None:
        """One update with Nesterov momentum. Every parameter must have a gradient."""
        gradients = [cast(Tensor, parameter.grad) for parameter in self.parameters]
        torch._foreach_lerp_(self.buffers, gradients, 1.0 - self.momentum)
        ahead = [_gathered(one, self.dtype) for one in torch._foreach_lerp(gradients, self.buffers, self.momentum)]
        torch._foreach_mul_(self.parameters, 1.0 - lr * weight_decay)
        for (short, long), pieces in self._shapes.items():
            batch = torch.empty(len(pieces), short, long, dtype=self.dtype, device=ahead[0].device)
            for row, piece in zip(batch, pieces, strict=True):
                part = ahead[piece.parameter][piece.begin : piece.end]
                row.copy_(part.mT if piece.tall else part)
            for row, piece in zip(orthogonalize(batch), pieces, strict=True):
                update = row.mT if piece.tall else row
                _add_rows(self.parameters[piece.parameter], piece.begin, update, -lr * 0.2 * long**0.5)


def _gathered(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """All rows, in the format of the iterations where they have to travel."""
    return whole(tensor.to(dtype)) if is_sharded(tensor) else tensor


def _add_rows(parameter: Tensor, begin: int, update: Tensor, alpha: float) -> None:
    """Add `alpha * update` to the rows from `begin` on, as far as they lie in this process."""
    here, first = local(parameter), first_row(parameter)
    low, high = max(begin, first), min(begin + len(update), first + len(here))
    if low < high:
        here[low - first : high - first].add_(update[low - begin : high - begin], alpha=alpha)


class Optimizer:
    """The optimizers of a model behind one `step`."""

    def __init__(
        self,
        model: nn.Module,
        name: OptimizerName,
        *,
        betas: tuple[float, float],
        weight_decay: float,
        embedding_weight_decay: float = 0.0,
    ) -> None:
        """Sort the trainable parameters of `model` by role; one without a role counts as a vector."""
        roles = roles_of(model)
        trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        kinds = {name: roles[name].kind if name in roles else "vector" for name in trainable}
        matrices = {name: p for name, p in trainable.items() if kinds[name] == "matrix"}
        self.name = name
        self.parameters = list(trainable.values())
        self._weight_decay = weight_decay
        self._muon: Muon | None = None
        groups = [
            {"params": [p for name, p in trainable.items() if kinds[name] == "vector"], "weight_decay": 0.0},
            {
                "params": [p for name, p in trainable.items() if kinds[name] in ("embedding", "head")],
                "weight_decay": embedding_weight_decay,
            },
        ]
        if name == "muon" and matrices:
            self._muon = Muon(matrices, {name: roles[name].splits for name in matrices}, compute_dtype())
        else:
            groups.append({"params": list(matrices.values()), "weight_decay": weight_decay})
        self._adamw = torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)
        self._names: dict[Tensor, str] = {parameter: name for name, parameter in trainable.items()}

    def step(self, lr: float, embedding_lr: float) -> None:
        """One update: `lr` for matrices, `embedding_lr` for the rest. Gradients are dropped afterwards."""
        for group, rate in zip(self._adamw.param_groups, (embedding_lr, embedding_lr, lr), strict=False):
            group["lr"] = rate
        self._adamw.step()
        if self._muon is not None:
            self._muon.step(lr, self._weight_decay)
        self.drop_gradients()

    def drop_gradients(self) -> None:
        """Forget the gradients, with or without an update."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Every tensor of state as `parameter:what`."""
        found = {f"{self._names[p]}:{key}": value for p, s in self._adamw.state.items() for key, value in s.items()}
        if self._muon is not None:
            found |= {f"{n}:momentum": b for n, b in zip(self._muon.names, self._muon.buffers, strict=True)}
        return found

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned, in place of what is there."""
        self._adamw.state.clear()  # before the first update there is none
        parameters = {name: parameter for parameter, name in self._names.items()}
        buffers = {} if self._muon is None else dict(zip(self._muon.names, self._muon.buffers, strict=True))
        for key, value in state.items():
            name, what = key.rsplit(":", 1)
            if what == "momentum":
                buffers[name].copy_(value)
            else:
                self._adamw.state[parameters[name]][what] = value.to(parameters[name].device, copy=True)
