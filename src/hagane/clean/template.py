"""Sentences made by machine from a template: the same skeleton in many documents, filled differently in most of them.

A sentence that stands in five documents word by word is a quotation or a notice, and other rules see to it. One whose skeleton
stands in five documents with five different fillings was filled in. What a page is measured by is the share of its characters in
such sentences; a single common turn of phrase does not make a page a template. Idea: Fetterly, Manasse and Najork, SIGIR 2005,
with the slots taken from the script.

Sentences that lost their skeleton to another verb or to a noun in hiragana are found by `template_verify.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.skeleton import Skeletons

MIN_FIXED, MIN_HIRAGANA = 8, 6
"""Fixed characters from which a skeleton says something: shorter ones (□は□です。) are common property, and so are the marks of
tables and code."""
MIN_DOCUMENTS = 5
MIN_VARIED = 0.6
"""Different fillings, as a share of the documents that the skeleton stands in."""


def asked(skeletons: Skeletons) -> npt.NDArray[np.bool_]:
    """[sentences]: those whose key is worth counting over the corpus."""
    return (skeletons.fixed >= MIN_FIXED) & (skeletons.hiragana >= MIN_HIRAGANA) & (skeletons.slots > 0)


def template_sentences(documents: npt.NDArray[np.int64], fillings: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Bool [keys]: filled in differently in most of the documents. documents, fillings: [keys], counted over the corpus."""
    return (documents >= MIN_DOCUMENTS) & (fillings >= MIN_VARIED * documents)


def template_share(
    page: npt.NDArray[np.int64], characters: npt.NDArray[np.int64], marked: npt.NDArray[np.bool_], pages: int
) -> npt.NDArray[np.float64]:
    """[pages]: share of a page's characters that stand in marked sentences. page, characters, marked: [sentences]."""
    inside = np.bincount(page, weights=characters * marked, minlength=pages)
    return np.asarray(inside / np.maximum(np.bincount(page, weights=characters, minlength=pages), 1))
