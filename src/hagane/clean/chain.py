"""Lines of a page as a chain: what a line is, is likely what its neighbours are.

A menu entry that says nothing by itself (スラー) stands among entries that do; a short reply in a novel stands among sentences.
With two states a line (text, noise), log-odds of each line by itself and a price `COUPLING` for each change of state, the
best labelling of a page in which a line is noise is better than the best in which it is text by

    own log-odds + message from above + message from below,     message onward = clip(own + message in, -COUPLING, COUPLING)

which is the Viterbi algorithm for both states and all lines at once. Park et al. (arXiv 2510.24139) fill the gaps between
frequent lines with patterns over classes of lines; this is the same idea with the evidence kept as a number.

Cost: `REACH` additions and clips a line, < 1 ns a byte.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

COUPLING = 1.5
REACH = 8
"""Lines that a message travels; beyond them little of it is left."""


def with_neighbours(log_odds: npt.NDArray[np.floating], page_of: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """[lines]: log-odds of noise given the lines around on the same page; NaN (not judged) hears nothing but passes on."""
    own = np.nan_to_num(log_odds.astype(np.float64))
    together = page_of[1:] == page_of[:-1]
    above, below = np.zeros(len(own)), np.zeros(len(own))
    for _ in range(REACH):
        above[1:] = together * np.clip(own[:-1] + above[:-1], -COUPLING, COUPLING)
        below[:-1] = together * np.clip(own[1:] + below[1:], -COUPLING, COUPLING)
    return np.where(np.isnan(log_odds), np.nan, own + above + below)
