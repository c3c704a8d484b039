"""HojiChar's Japanese chain as a profile of its own: all filters of `document_filters` that judge or mask without morphology.

Everything is at its default; only the length has none, and takes the 200 to 50,000 characters that its documentation names.
`bench/clean.py` measures it, `bench/clean_effect.py` trains on what it leaves.
"""

from hojichar import Compose
from hojichar import document_filters as f

FILTER = Compose(
    [
        f.JSONLoader(),
        f.DocumentNormalizer(),
        f.AcceptJapanese(),
        f.DocumentLengthFilter(min_doc_len=200, max_doc_len=50_000),
        f.DiscardAdultContentJa(),
        f.DiscardAdultContentEn(),
        f.DiscardDiscriminationContentJa(),
        f.DiscardViolenceContentJa(),
        f.DiscardBBSComments(),
        f.DiscardAds(),
        f.DiscardRareKuten(),
        f.CharRepetitionRatioFilter(),
        f.DiscardTooManySpecialToken(),
        f.SingleCharacterRepetitionFilter(),
        f.DiscardTooManyEndingEllipsis(),
        f.DiscardTooShortLines(),
        f.MaskPersonalInformation(),
        f.JSONDumper(),
    ]
)
