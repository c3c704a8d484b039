"""The families of instructions that are made from documents, in the order the report shows them."""

from hagane.instruct.families import copying, lists, naming, safety, sentences, style

FAMILIES = (
    *naming.FAMILIES,
    *copying.FAMILIES,
    *lists.FAMILIES,
    *sentences.FAMILIES,
    *style.FAMILIES,
    *safety.FAMILIES,
)
