"""A text as numbers, for rules that look at every character at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def codepoints_of(text: str) -> npt.NDArray[np.uint32]:
    """uint32 [characters]: the code points; of a surrogate without its partner, too. Not to be written to."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
