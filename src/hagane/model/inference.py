"""The layers of a model that is only read: the same results as in training, by the kernels that are fastest for decoding.

A step of decoding multiplies few rows with every weight of the model, a prompt many. Which kernel is fastest depends on how many.
The 32 matrices of 8 layers × 384 one after another, float32, two cores with AVX2, milliseconds:

    rows                                          1      8     32    512  2,048
    plain product                               4.0    6.9   11.1     87    362
    packed for oneDNN's registers               2.7    3.9    8.1     94    402
    two halves side by side, a core each        2.0    4.8    9.0     89    357

Packing is a copy that costs as much as a few products of few rows save, so a matrix is packed when few rows come for the third
time; a single prompt and its answer never need it.

Beside the products a step is the overhead of its operations. `LeanRMSNorm` makes a norm of fewer; a step of one row took 7.1 ms and
takes 6.2 with it. Compiling the blocks of a step instead gained nothing over this: what is left is reading weights and cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hagane.model.rotary import rotate_leanly

if TYPE_CHECKING:
    from hagane.model.decoder import Attend, Attention

FEW_ROWS = 64
"""At most this many rows are multiplied with the packed matrix."""
PAYS_AFTER = 2
"""Products of few rows that are made with the plain matrix first."""


class PackedLinear(nn.Module):
    """`x @ weight.T + bias` for a weight that no longer changes, by the fastest kernel for the rows of `x` on a CPU."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """weight: [rows, columns]; bias: [rows] or None; both of the dtype of the inputs to come."""
        super().__init__()
        self.weight = weight.detach()
        self.bias = bias
        self.packs = weight.device.type == "cpu" and _kernel(weight.dtype)
        halves = weight.device.type == "cpu" and weight.dtype == torch.float32 and len(weight) % 2 == 0
        self._halves = self.weight.view(2, -1, weight.shape[1]).mT if halves else None
        self._met = 0
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., columns] → [..., rows]. Has no gradient."""
        columns = x.shape[-1]
        rows = x.numel() // columns
        if rows == 1 and self._halves is not None:
            product = torch.bmm(x.reshape(1, 1, columns).expand(2, 1, columns), self._halves).view(*x.shape[:-1], -1)
            return product if self.bias is None else product + self.bias
        if rows > FEW_ROWS or not self.packs or self._met < PAYS_AFTER:
            self._met += rows <= FEW_ROWS
            return F.linear(x, self.weight, self.bias)
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight)
        few: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, self.bias, "none", [], "")
        return few


class LeanRMSNorm(nn.Module):
    """`rms_norm` in five operations instead of nine; has no gradient."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        """weight: [dim], or [heads, dim] for one that differs by head; of the dtype of the inputs to come."""
        super().__init__()
        self.weight, self.eps = weight.detach(), eps
        self._eps = torch.tensor(eps, device=weight.device)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., dim] → the same shape and dtype; squares are summed in float32."""
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = torch.addcmul(self._eps, norm, norm, value=1 / x.shape[-1]).rsqrt_()
        return (x * scale).mul_(self.weight).to(x.dtype)


class LeanAttention(nn.Module):
    """An attention with queries and keys normed and turned together."""

    def __init__(self, attention: Attention) -> None:
        """attention: one whose own layers are those above."""
        super().__init__()
        self.qkv, self.out = attention.qkv, attention.out
        self.heads, self.kv_heads, self.head_dim = attention.heads, attention.kv_heads, attention.head_dim
        self.norm: LeanRMSNorm | None = None
        if attention.q_norm is not None and attention.k_norm is not None:
            weights = [(attention.q_norm, self.heads), (attention.k_norm, self.kv_heads)]
            joined = torch.cat([norm.weight.expand(heads, -1) for norm, heads in weights])
            self.norm = LeanRMSNorm(joined, attention.q_norm.eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        """As `Attention.forward`."""
        batch, seq, _ = x.shape
        fused = self.qkv(x).view(batch, seq, self.heads + 2 * self.kv_heads, self.head_dim)
        both, value = fused.split([self.heads + self.kv_heads, self.kv_heads], 2)
        both = both if self.norm is None else self.norm(both)
        # Turned before heads and positions change places, where the entries of a row lie one after another.
        both = rotate_leanly(both, cos.transpose(1, 2), sin.transpose(1, 2))
        query, key = both[:, :, : self.heads], both[:, :, self.heads :]
        mixed = attend(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, seq, self.heads * self.head_dim))
        return out


def _kernel(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies this number format on this processor."""
    if not torch._C._has_mkldnn:
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))
