"""A packed matrix gives the plain product, for any number of rows."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hagane.model.packed import PackedLinear


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_equals_plain(dtype: torch.dtype, bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 32, generator=generator).to(dtype)
    added = torch.randn(48, generator=generator).to(dtype) if bias else None
    packed = PackedLinear(weight, added)
    for shape in ((1, 1, 32), (5, 32), (3, 40, 32)):
        x = torch.randn(shape, generator=generator).to(dtype)
        close = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.1, "rtol": 2e-2}
        torch.testing.assert_close(packed(x), F.linear(x, weight, added), **close)
        # Negative control: the tolerance tells two matrices apart.
        assert not torch.allclose(packed(x), F.linear(x, weight.roll(1, 0), added), **close)
