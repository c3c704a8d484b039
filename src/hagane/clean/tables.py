"""Sorted columns: where they change, and where a value stands in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]


def changes(*columns: _Array) -> npt.NDArray[np.bool_]:
    """Bool [rows]: where a row is not like the one before in every column; the first row is not."""
    change = np.ones(len(columns[0]), bool)
    if len(change) > 1:
        change[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return change


def find(keys: _Array, wanted: _Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(place, whether it is there) of each wanted value among sorted `keys`."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, np.asarray(keys[place] == wanted)
