"""Layers of a model that is only read give what the plain ones give, whichever kernel they take."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hagane.model.inference import FEW_ROWS, PAYS_AFTER, LeanRMSNorm, PackedLinear

CLOSE = {torch.float32: {"atol": 1e-5, "rtol": 1e-5}, torch.bfloat16: {"atol": 0.1, "rtol": 2e-2}}
both_formats = pytest.mark.parametrize("dtype", CLOSE)


@both_formats
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("out", [48, 47])
def test_every_kernel_gives_the_plain_product(dtype: torch.dtype, bias: bool, out: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(out, 32, generator=generator).to(dtype)
    added = torch.randn(out, generator=generator).to(dtype) if bias else None
    layer = PackedLinear(weight, added)
    # One row, few rows before and after packing, many rows; the last not contiguous.
    for shape in ((1, 1, 32), *[(5, 32)] * (PAYS_AFTER + 1), (3, FEW_ROWS, 32), (1, 32), (32, 7)):
        x = torch.randn(shape, generator=generator).to(dtype)
        x = x.t() if shape == (32, 7) else x
        torch.testing.assert_close(layer(x), F.linear(x, weight, added), **CLOSE[dtype])
        # Negative control: the tolerance tells two matrices apart.
        assert not torch.allclose(layer(x), F.linear(x, weight.roll(1, 0), added), **CLOSE[dtype])


@both_formats
def test_a_lean_norm_is_the_norm(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    weight, x = torch.randn(32, generator=generator).to(dtype), torch.randn(2, 3, 32, generator=generator).to(dtype)
    x[0, 0] = 0
    lean = LeanRMSNorm(weight, 1e-3)
    assert lean(x).dtype == dtype
    close = CLOSE[dtype]
    torch.testing.assert_close(lean(x), F.rms_norm(x, (32,), weight, 1e-3), **close)
    small = x * 0.01
    assert not torch.allclose(lean(small), F.rms_norm(small, (32,), weight, 1e-6), **close), "negative control"
